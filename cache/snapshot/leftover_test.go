package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestClean: what a killed writer left is removed, and nothing else: neither what
// somebody else put there, nor what is being written, nor what is newer.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache.snapshot")
	long := time.Now().Add(-time.Hour)
	put := func(name, text string, at time.Time) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, []byte(text), 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	put("cache.snapshot", magic, long)
	put("cache.snapshot.writing-1", magic+"more", long)
	put("cache.snapshot.writing-22", "", long)
	put("cache.snapshot.writing-333", magic[:3], long)
	removed := 3
	put("cache.snapshot.writing-4444", magic+"more", time.Now().Add(time.Hour)) // of one that began after us
	put("cache.snapshot.writing-5", "precious", long)
	put("cache.snapshot.writing-", magic, long)
	put("cache.snapshot.writing-6.txt", magic, long)
	put("cache.snapshot.foreign", magic, long)
	put("other.snapshot.writing-7", magic, long)
	if err := errors.Join(
		os.Mkdir(filepath.Join(dir, "cache.snapshot.writing-8"), 0o700),
		os.Symlink(filepath.Join(dir, "cache.snapshot"), filepath.Join(dir, "cache.snapshot.writing-9")),
	); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n := Clean(path, time.Now()); n != removed {
		t.Errorf("removed %d files", n)
	}
	var names []string
	for _, e := range before {
		names = append(names, e.Name())
	}
	for _, gone := range []string{"cache.snapshot.writing-1", "cache.snapshot.writing-22", "cache.snapshot.writing-333"} {
		names = slices.DeleteFunc(names, func(name string) bool { return name == gone })
	}
	var left []string
	after, _ := os.ReadDir(dir)
	for _, e := range after {
		left = append(left, e.Name())
	}
	if !slices.Equal(left, names) {
		t.Errorf("left are %q", left)
	}
	if n := Clean(filepath.Join(dir, "no such folder", "cache"), time.Now()); n != 0 {
		t.Errorf("removed %d files of no folder", n)
	}
}

// TestCleanLeavesWriters: another process may be writing just now, though the disk
// hasn't taken anything for a while.
func TestCleanLeavesWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.snapshot")
	_, err := Write(t.Context(), path, "schema", noon, func(yield func(Record) bool) {
		if n := Clean(path, time.Now().Add(time.Hour)); n != 0 {
			t.Errorf("removed %d files that are being written", n)
		}
		yield(samples(1)[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	only(t, path)
}

// TestPlace: a snapshot takes the old one's place when it is let, and leaves nothing
// behind when it isn't.
func TestPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.snapshot")
	late := errors.New("too late")
	write := func(n int, place func(func() error) error) error {
		_, err := Replace(t.Context(), path, "schema", noon, slices.Values(samples(n)), place)
		return err
	}
	if err := write(2, func(rename func() error) error { return rename() }); err != nil {
		t.Fatal(err)
	}
	if err := write(3, func(func() error) error { return late }); !errors.Is(err, late) {
		t.Errorf("%v", err)
	}
	l, err := Read(context.Background(), path, "schema", noon, 1<<20, func(Record) error { return nil })
	if err != nil || l.Records != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	only(t, path)
}
