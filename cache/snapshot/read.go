package snapshot

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// Loaded is what was found in a file.
type Loaded struct {
	Records int
	Skipped int   // sound records with a body over the limit
	Bytes   int64 // of key, meta and body
	Saved   time.Time
}

// Read gives the file's records to each, as they come: Key, Meta and Body are its
// to keep. A body over maxBody bytes is skipped. now is the wall clock's time.
//
// The error is what opening said (fs.ErrNotExist: there is no snapshot), ErrForeign,
// ErrDamaged, the end of ctx, or what each returned, which ends the reading. The
// records given before it are sound.
func Read(ctx context.Context, path, schema string, now time.Time, maxBody int64, each func(Record) error) (Loaded, error) {
	f, err := os.Open(path)
	if err != nil {
		return Loaded{}, fmt.Errorf("snapshot: %w", err)
	}
	defer f.Close()
	return decode(ctx, f, schema, now, maxBody, each)
}

// chunk is how much of a body is read at a time. A length is only a promise:
// memory is taken as its bytes come.
const chunk = 64 << 10

type decoder struct {
	in   *bufio.Reader
	seed uint32
	sum  uint32
	at   int64 // bytes read
}

func decode(ctx context.Context, from io.Reader, schema string, now time.Time, maxBody int64, each func(Record) error) (l Loaded, err error) {
	d := &decoder{in: bufio.NewReaderSize(from, buffered)}
	if l.Saved, err = d.preamble(schema); err != nil {
		return l, err
	}
	elapsed := max(now.Sub(l.Saved), 0)
	for {
		if err := ctx.Err(); err != nil {
			return l, err
		}
		h, err := d.head()
		if err != nil {
			return l, err
		}
		if h.kind == kindEnd {
			if h.body != uint64(l.Records+l.Skipped) {
				return l, fmt.Errorf("%w: %d records instead of %d", ErrDamaged, l.Records+l.Skipped, h.body)
			}
			return l, nil
		}
		skip := h.body > uint64(max(maxBody, 0))
		r, err := d.record(h, skip)
		if err != nil {
			return l, err
		}
		if skip {
			l.Skipped++
			continue
		}
		r.Age = h.age + min(elapsed, math.MaxInt64-h.age)
		l.Records++
		l.Bytes += int64(h.key) + int64(h.meta) + int64(h.body)
		if err := each(r); err != nil {
			return l, err
		}
	}
}

// full reads len(b) bytes.
func (d *decoder) full(b []byte) error {
	n, err := io.ReadFull(d.in, b)
	d.at += int64(n)
	if err != nil {
		return d.broken(err)
	}
	d.sum = sum(d.sum, b)
	return nil
}

// broken tells a file that is too short from a disk that can't be read: both are
// damage, but people want to know.
func (d *decoder) broken(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: torn off after byte %d", ErrDamaged, d.at)
	}
	return fmt.Errorf("%w after byte %d: %w", ErrDamaged, d.at, err)
}

// check compares what was read since the sum began with the sum that follows.
func (d *decoder) check() error {
	want, start := d.sum, d.at
	var b [4]byte
	if err := d.full(b[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b[:]) != want {
		return fmt.Errorf("%w: a checksum is wrong before byte %d", ErrDamaged, start)
	}
	return nil
}

func (d *decoder) preamble(schema string) (saved time.Time, err error) {
	var b [preamble]byte
	if err := d.full(b[:]); err != nil {
		return saved, err
	}
	if string(b[:8]) != magic {
		return saved, fmt.Errorf("%w: it begins with %q", ErrForeign, b[:8])
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != version {
		return saved, fmt.Errorf("%w: version %d instead of %d", ErrForeign, v, version)
	}
	name := make([]byte, binary.LittleEndian.Uint16(b[10:])) // 64 KiB at most
	if err := d.full(name); err != nil {
		return saved, err
	}
	seed := d.sum
	if err := d.check(); err != nil {
		return saved, err
	}
	if string(name) != schema {
		return saved, fmt.Errorf("%w: schema %q instead of %q", ErrForeign, name, schema)
	}
	d.seed = seed
	return time.Unix(0, int64(binary.LittleEndian.Uint64(b[12:]))), nil
}

type recordHead struct {
	kind byte
	key  int
	meta int
	body uint64
	age  time.Duration
}

func (d *decoder) head() (h recordHead, err error) {
	var b [head]byte
	d.sum = d.seed
	if err := d.full(b[:]); err != nil {
		return h, err
	}
	if err := d.check(); err != nil {
		return h, err
	}
	h = recordHead{
		b[0], int(binary.LittleEndian.Uint16(b[1:])), int(binary.LittleEndian.Uint32(b[3:])),
		binary.LittleEndian.Uint64(b[7:]), time.Duration(binary.LittleEndian.Uint64(b[15:])),
	}
	if h.kind != kindRecord && h.kind != kindEnd || h.meta > maxMeta || h.age < 0 || h.body > math.MaxInt64 {
		return h, fmt.Errorf("%w: no record before byte %d", ErrDamaged, d.at)
	}
	return h, nil
}

func (d *decoder) record(h recordHead, skip bool) (r Record, err error) {
	d.sum = d.seed
	if skip {
		return r, d.skip(h)
	}
	if r.Key, err = d.bytes(h.key); err != nil {
		return r, err
	}
	if r.Meta, err = d.bytes(h.meta); err != nil {
		return r, err
	}
	for left := h.body; left > 0; {
		c := make([]byte, min(left, chunk))
		if err := d.full(c); err != nil {
			return r, err
		}
		r.Body, left = append(r.Body, c), left-uint64(len(c))
	}
	return r, d.check()
}

// bytes reads n of them, taking memory as they come.
func (d *decoder) bytes(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, chunk))
	for len(b) < n {
		from := len(b)
		b = append(b, make([]byte, min(n-from, chunk))...)
		if err := d.full(b[from:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// skip passes over a record, its checksum included.
func (d *decoder) skip(h recordHead) error {
	var b [4 << 10]byte
	for left := uint64(h.key) + uint64(h.meta) + h.body; left > 0; {
		part := b[:min(left, uint64(len(b)))]
		if err := d.full(part); err != nil {
			return err
		}
		left -= uint64(len(part))
	}
	return d.check()
}
