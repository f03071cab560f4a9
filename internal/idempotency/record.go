package idempotency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// The records of a journal. All begin with their kind, the claim's ticket and
// the key.
const (
	recordBegin  = 'B' // time, fingerprint
	recordAnswer = 'A' // time, the answer
	recordForget = 'F'
)

// record is one of them, read.
type record struct {
	kind   byte
	ticket Ticket
	key    Key
	at     time.Time
	print  Fingerprint
	answer *Answer
}

func appendHead(to []byte, kind byte, t Ticket, k Key) []byte {
	to = append(to, kind)
	to = binary.BigEndian.AppendUint64(to, uint64(t))
	return append(to, k[:]...)
}

func appendBegin(to []byte, t Ticket, at time.Time, k Key, f Fingerprint) []byte {
	to = appendHead(to, recordBegin, t, k)
	to = binary.BigEndian.AppendUint64(to, uint64(at.UnixNano()))
	return append(to, f[:]...)
}

func appendForget(to []byte, t Ticket, k Key) []byte { return appendHead(to, recordForget, t, k) }

func appendAnswer(to []byte, t Ticket, at time.Time, k Key, a *Answer) []byte {
	to = appendHead(to, recordAnswer, t, k)
	to = binary.BigEndian.AppendUint64(to, uint64(at.UnixNano()))
	to = binary.BigEndian.AppendUint16(to, uint16(a.Status))
	lost := byte(0)
	if a.BodyLost {
		lost = 1
	}
	to = append(to, lost)
	to = appendFields(to, a.Header)
	to = appendFields(to, a.Trailer)
	return appendText(to, a.Body)
}

func appendText[T string | []byte](to []byte, s T) []byte {
	to = binary.AppendUvarint(to, uint64(len(s)))
	return append(to, s...)
}

func appendFields(to []byte, h http.Header) []byte {
	to = binary.AppendUvarint(to, uint64(len(h)))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		to = appendText(to, name)
		to = binary.AppendUvarint(to, uint64(len(h[name])))
		for _, v := range h[name] {
			to = appendText(to, v)
		}
	}
	return to
}

var errRecord = errors.New("a record is unsound")

// scanner reads records. After an error everything it gives is zero.
type scanner struct {
	rest []byte
	err  error
}

func (s *scanner) take(n uint64) []byte {
	if s.err != nil || n > uint64(len(s.rest)) {
		s.err = errRecord
		return nil
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *scanner) byte() byte {
	if b := s.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (s *scanner) uint16() uint16 {
	if b := s.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (s *scanner) uint64() uint64 {
	if b := s.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (s *scanner) uvarint() uint64 {
	n, size := binary.Uvarint(s.rest)
	if s.err != nil || size <= 0 {
		s.err = errRecord
		return 0
	}
	s.rest = s.rest[size:]
	return n
}

func (s *scanner) text() []byte { return s.take(s.uvarint()) }

func (s *scanner) time() time.Time { return time.Unix(0, int64(s.uint64())) }

func (s *scanner) fields() http.Header {
	n := s.uvarint()
	if n == 0 || n > uint64(len(s.rest)) { // each takes a byte at least
		if n > 0 {
			s.err = errRecord
		}
		return nil
	}
	h := make(http.Header, n)
	for range n {
		name := string(s.text())
		count := s.uvarint()
		if s.err != nil || count > uint64(len(s.rest)) {
			s.err = errRecord
			return nil
		}
		values := make([]string, count)
		for i := range values {
			values[i] = string(s.text())
		}
		h[name] = values
	}
	return h
}

// next reads one record. Its body is a part of what is scanned.
func (s *scanner) next() (r record, err error) {
	r.kind = s.byte()
	r.ticket = Ticket(s.uint64())
	copy(r.key[:], s.take(uint64(len(r.key))))
	switch r.kind {
	case recordBegin:
		r.at = s.time()
		copy(r.print[:], s.take(uint64(len(r.print))))
	case recordAnswer:
		r.at = s.time()
		r.answer = &Answer{Status: int(s.uint16()), BodyLost: s.byte() != 0}
		r.answer.Header, r.answer.Trailer = s.fields(), s.fields()
		r.answer.Body = s.text()
	case recordForget:
	default:
		return r, fmt.Errorf("a record is of the kind %q, which this Levee doesn't know", r.kind)
	}
	return r, s.err
}
