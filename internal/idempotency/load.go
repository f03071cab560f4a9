package idempotency

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// contents is what a journal holds.
type contents struct {
	entries map[Key]*entry
	last    Ticket // that was given out
	good    int64  // bytes up to the end of the last whole frame; 0: not even the mark
	torn    int64  // bytes behind them, which were never written whole
}

// readJournal reads a journal of so many bytes. An error means that it can't
// be relied upon, in nothing.
func readJournal(from io.ReaderAt, size int64) (*contents, error) {
	c := &contents{entries: map[Key]*entry{}}
	r := bufio.NewReaderSize(io.NewSectionReader(from, 0, size), 256<<10)
	if size < int64(len(journalMark)) {
		start, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(journalMark, string(start)) && len(bytes.Trim(start, "\x00")) > 0 {
			return nil, errNoJournal
		}
		c.torn = size
		return c, nil
	}
	mark := make([]byte, len(journalMark))
	if _, err := io.ReadFull(r, mark); err != nil {
		return nil, err
	}
	if string(mark) != journalMark {
		if len(bytes.Trim(mark, "\x00")) == 0 && onlyZeros(r) == errTorn {
			c.torn = size
			return c, nil
		}
		return nil, errNoJournal
	}
	c.good = int64(len(journalMark))
	for {
		records, err := readFrame(r, size-c.good)
		switch err {
		case nil:
		case io.EOF:
			return c, nil
		case errTorn:
			c.torn = size - c.good
			return c, nil
		case errChecksum, errEmptyHeader:
			if never, failed := neverWritten(from, c.good, size); failed != nil {
				return nil, failed
			} else if never {
				c.torn = size - c.good
				return c, nil
			}
			return nil, fmt.Errorf("at byte %d of %d: %w", c.good, size, err)
		default:
			return nil, fmt.Errorf("at byte %d of %d: %w", c.good, size, err)
		}
		for s := (scanner{rest: records}); len(s.rest) > 0; {
			rec, err := s.next()
			if err != nil {
				return nil, fmt.Errorf("at byte %d of %d: %w", c.good, size, err)
			}
			c.apply(&rec)
		}
		c.good += frameHeader + int64(len(records))
	}
}

var errNoJournal = fmt.Errorf("it is no journal of Levee's, or of a version that this one doesn't know")

// apply takes a record over. A journal that was written anew may hold some
// twice: those that came while it was. They change nothing the second time,
// since a ticket is given out once.
func (c *contents) apply(r *record) {
	c.last = max(c.last, r.ticket)
	e := c.entries[r.key]
	switch r.kind {
	case recordBegin:
		if e == nil || e.ticket != r.ticket {
			c.entries[r.key] = &entry{key: r.key, print: r.print, ticket: r.ticket, since: r.at}
		}
	case recordAnswer:
		if e != nil && e.ticket == r.ticket {
			e.answer, e.since = r.answer, r.at
			e.answer.Body = bytes.Clone(r.answer.Body) // the frame may hold much more
		}
	case recordForget:
		if e != nil && e.ticket == r.ticket {
			delete(c.entries, r.key)
		}
	}
}
