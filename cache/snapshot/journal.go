package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Journal is a file of short records beside a snapshot: what has happened since,
// and is to be known after a crash too. Records are appended; when a snapshot
// has what they say, the file is replaced by one without them.
//
// Each record has a checksum. One that was never written whole, at the end, is as
// if it hadn't been. Methods must not be called concurrently.
type Journal struct {
	path string
	f    *os.File
	size int64
}

// A journal is its mark and records. Numbers are little-endian.
//
//	record  len(text)[4] sum[4] text
//
// The sum is a CRC-32C of the length and the text.
const (
	journalMark = "LEVEEJ1\n"
	journalHead = 4 + 4

	// MaxJournalRecord is how long a record may be.
	MaxJournalRecord = 1 << 20
)

var errNoJournal = errors.New("it is no regular file")

// OpenJournal opens the journal at path and returns its records, or makes an empty
// one. What was never written whole is cut off. The error is what the system said,
// ErrForeign, or ErrDamaged: then nobody knows what it has said.
func OpenJournal(path string) (*Journal, [][]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // a pipe would be waited for
		err = errNoJournal
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	j := &Journal{path: path, f: f}
	records, err := j.read()
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("snapshot: %w", err)
	}
	return j, records, nil
}

func (j *Journal) read() (records [][]byte, err error) {
	all, err := io.ReadAll(j.f)
	if err != nil {
		return nil, err
	}
	if len(all) < len(journalMark) && bytes.HasPrefix([]byte(journalMark), all) {
		if err := j.f.Truncate(0); err != nil {
			return nil, err
		}
		return nil, j.put([]byte(journalMark))
	}
	records, good, err := parseJournal(all)
	if err == nil && good < len(all) {
		err = j.f.Truncate(int64(good))
	}
	j.size = int64(good)
	return records, err
}

// parseJournal reads a journal's records, and says how many of its bytes those are.
func parseJournal(all []byte) (records [][]byte, good int, err error) {
	rest, ok := bytes.CutPrefix(all, []byte(journalMark))
	if !ok {
		return nil, 0, fmt.Errorf("%w: it is no journal", ErrForeign)
	}
	for len(rest) > 0 {
		text, size, whole := cutJournalRecord(rest)
		switch {
		case whole:
			records, rest = append(records, text), rest[size:]
		case size >= len(rest), len(bytes.Trim(rest, "\x00")) == 0:
			// The end, that was being written, or that a power cut has left blank.
			return records, len(all) - len(rest), nil
		default:
			return records, len(all) - len(rest), fmt.Errorf("%w: the journal, behind %d records", ErrDamaged, len(records))
		}
	}
	return records, len(all), nil
}

// cutJournalRecord reads the first record. If it isn't whole, size is how much it
// would be.
func cutJournalRecord(b []byte) (text []byte, size int, whole bool) {
	if len(b) < journalHead {
		return nil, journalHead, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n > MaxJournalRecord || n == 0 { // nobody has begun to write such a one
		return nil, 0, false
	}
	if size = journalHead + int(n); size > len(b) {
		return nil, size, false
	}
	text = b[journalHead:size]
	return text, size, binary.LittleEndian.Uint32(b[4:]) == sum(sum(0, b[:4]), text)
}

func appendJournalRecord(b, text []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = binary.LittleEndian.AppendUint32(b, sum(sum(0, b[at:]), text))
	return append(b, text...)
}

// Append writes records, by one write: behind a kill they are there, behind a
// power cut if [Journal.Sync] was called. After an error the journal says what it
// said before, or can't be used until it is replaced.
func (j *Journal) Append(records ...[]byte) error {
	var b []byte
	for _, text := range records {
		if len(text) == 0 || len(text) > MaxJournalRecord {
			return fmt.Errorf("snapshot: a journal's record of %d bytes", len(text))
		}
		b = appendJournalRecord(b, text)
	}
	if !j.inPlace() {
		return fmt.Errorf("snapshot: %w", errReplaced)
	}
	return j.put(b)
}

var errReplaced = errors.New("the journal was removed or replaced by somebody else")

// inPlace says whether the file at the path is the one that is written.
func (j *Journal) inPlace() bool {
	at, err := os.Stat(j.path)
	if err != nil {
		return false
	}
	mine, err := j.f.Stat()
	return err == nil && os.SameFile(at, mine)
}

func (j *Journal) put(b []byte) error {
	n, err := j.f.Write(b)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, j.f.Truncate(j.size))
		}
		return fmt.Errorf("snapshot: %w", err)
	}
	j.size += int64(n)
	return nil
}

// Size is how large the file is.
func (j *Journal) Size() int64 { return j.size }

// Sync forces the file to the disk.
func (j *Journal) Sync() error {
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// Replace puts a journal with these records in place of the present one, which
// stays if there is an error.
func (j *Journal) Replace(records ...[]byte) error {
	dir, base := filepath.Split(j.path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, base+temporary+"*")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	b := []byte(journalMark)
	for _, text := range records {
		b = appendJournalRecord(b, text)
	}
	next := &Journal{path: j.path, f: f}
	err = next.put(b)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name())
		return fmt.Errorf("snapshot: %w", err)
	}
	_ = syncFolder(dir) // without it, the older one may be back, which says more
	j.f.Close()
	*j = *next
	return nil
}

// Close closes the file, which stays.
func (j *Journal) Close() error { return j.f.Close() }
