package snapshot

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Written is what a snapshot consists of.
type Written struct {
	Records int
	Skipped int   // records with a key or meta beyond the format's limits
	Bytes   int64 // of the file
}

const buffered = 256 << 10

// Write puts a snapshot of records in place of the file at path, which only its
// owner may read. Schema names how Meta is to be understood, and saved is the
// wall clock's time. When it returns an error, among them the end of ctx, the
// old file is still there, unless only the flush of its folder failed.
func Write(ctx context.Context, path, schema string, saved time.Time, records iter.Seq[Record]) (Written, error) {
	return Replace(ctx, path, schema, saved, records, func(rename func() error) error { return rename() })
}

// Replace is like [Write], and leaves it to place when the new file takes the old
// one's place, and whether: what is in it may have been overtaken by then. An error
// that place returns without having called rename leaves the old file.
func Replace(
	ctx context.Context, path, schema string, saved time.Time, records iter.Seq[Record],
	place func(rename func() error) error,
) (Written, error) {
	return replace(ctx, path, schema, saved, records, place, createTemp)
}

// file is what a snapshot is written to.
type file interface {
	io.Writer
	Name() string
	Sync() error
	Close() error
}

func createTemp(dir, pattern string) (file, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	_ = lock(f) // where there are no locks, its time tells
	return f, nil
}

func replace(
	ctx context.Context, path, schema string, saved time.Time, records iter.Seq[Record],
	place func(rename func() error) error, create func(dir, pattern string) (file, error),
) (w Written, err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := create(dir, base+temporary+"*")
	if err != nil {
		return w, fmt.Errorf("snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("snapshot: %w", err)
			_ = os.Remove(f.Name())
		}
	}()
	w, err = encode(ctx, f, schema, saved, records)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return w, err
	}
	if err = place(func() error { return os.Rename(f.Name(), path) }); err != nil {
		return w, err
	}
	return w, syncFolder(dir)
}

// syncFolder makes the rename last. Some file systems have nothing to flush.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// encode writes the file's content.
func encode(ctx context.Context, to io.Writer, schema string, saved time.Time, records iter.Seq[Record]) (w Written, err error) {
	if len(schema) > math.MaxUint16 {
		return w, errors.New("the schema's name is too long")
	}
	out := bufio.NewWriterSize(to, buffered)
	write := func(b []byte) {
		if err == nil {
			_, err = out.Write(b)
			w.Bytes += int64(len(b))
		}
	}
	b := append([]byte(nil), magic...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(schema)))
	b = binary.LittleEndian.AppendUint64(b, uint64(saved.UnixNano()))
	b = append(b, schema...)
	seed := sum(0, b)
	write(binary.LittleEndian.AppendUint32(b, seed))
	for r := range records {
		if err != nil {
			return w, err
		}
		if err = ctx.Err(); err != nil {
			return w, err
		}
		if len(r.Key) > maxKey || len(r.Meta) > maxMeta {
			w.Skipped++
			continue
		}
		body := uint64(0)
		for _, c := range r.Body {
			body += uint64(len(c))
		}
		write(putHead(b[:0], kindRecord, len(r.Key), len(r.Meta), body, r.Age, seed))
		write(r.Key)
		write(r.Meta)
		s := sum(sum(seed, r.Key), r.Meta)
		for _, c := range r.Body {
			write(c)
			s = sum(s, c)
		}
		write(binary.LittleEndian.AppendUint32(b[:0], s))
		w.Records++
	}
	write(putHead(b[:0], kindEnd, 0, 0, uint64(w.Records), 0, seed))
	if err == nil {
		err = out.Flush()
	}
	return w, err
}
