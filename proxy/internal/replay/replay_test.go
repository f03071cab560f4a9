package replay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestReplay(t *testing.T) {
	errBroken := errors.New("broken")
	for _, test := range []struct {
		name   string
		src    io.Reader
		length int64
		limit  int
		first  int // bytes that the first attempt reads; -1: all
		spent  bool
		again  string // what the second attempt reads
		err    error
	}{
		{"all of it again", strings.NewReader("hello"), 5, 10, -1, false, "hello", nil},
		{"of unknown length", strings.NewReader("hello"), -1, 10, -1, false, "hello", nil},
		{"what was begun", strings.NewReader("hello"), 5, 10, 2, false, "hello", nil},
		{"nothing was read", strings.NewReader("hello"), 5, 3, 0, false, "hello", nil},
		{"just as much as is kept", strings.NewReader("hello"), -1, 5, -1, false, "hello", nil},
		{"one byte more", strings.NewReader("hello"), -1, 4, -1, true, "", ErrNotKept},
		{"one byte more, as announced", strings.NewReader("hello"), 5, 4, 1, true, "", ErrNotKept},
		{"nothing is kept", strings.NewReader("hello"), 5, 0, 1, true, "", ErrNotKept},
		{"empty", strings.NewReader(""), -1, 0, -1, false, "", nil},
		{"broken", io.MultiReader(strings.NewReader("he"), iotest.ErrReader(errBroken)), 5, 10, -1, false, "he", errBroken},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := New(iotest.OneByteReader(test.src), test.length, test.limit)
			one := b.Reader(nil)
			if test.first < 0 {
				io.Copy(io.Discard, one)
			} else {
				io.CopyN(io.Discard, one, int64(test.first))
			}
			one.Stop()
			if _, err := one.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose {
				t.Errorf("a stopped attempt reads on: %v", err)
			}
			if b.Spent() != test.spent {
				t.Errorf("spent: %v", b.Spent())
			}
			ends := 0
			two := b.Reader(func() { ends++ })
			text, err := io.ReadAll(two)
			if err != test.err || string(text) != test.again {
				t.Errorf("read %q, %v; want %q, %v", text, err, test.again, test.err)
			}
			io.ReadAll(two)
			if want := test.err == nil; (ends == 1) != want {
				t.Errorf("told of the end %d times", ends)
			}
			if whole := test.err == nil && test.limit >= len(test.again); b.Whole() != whole {
				t.Errorf("whole: %v, want %v", b.Whole(), whole)
			}
		})
	}
}

// TestReplayOverlaps lets attempts begin while earlier ones still read: the last
// one must get every byte once, and src must never be read twice at a time.
func TestReplayOverlaps(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 11))
		text := make([]byte, 1+rng.IntN(4000))
		for i := range text {
			text[i] = byte(rng.Uint32())
		}
		src := &exclusive{t: t, Reader: iotest.HalfReader(bytes.NewReader(text))}
		b := New(src, -1, len(text))
		var wg sync.WaitGroup
		for range 5 {
			r := b.Reader(nil)
			buf := make([]byte, 1+rng.IntN(300))
			reads := rng.IntN(20)
			wg.Go(func() {
				for range reads {
					if _, err := r.Read(buf); err != nil {
						return
					}
				}
			})
			wg.Go(r.Stop)
		}
		got, err := io.ReadAll(b.Reader(nil))
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("seed %d: read %d bytes of %d, %v; equal: %v", seed, len(got), len(text), err, bytes.Equal(got, text))
		}
		wg.Wait()
	}
}

// exclusive fails a test that reads it twice at a time.
type exclusive struct {
	t *testing.T
	io.Reader
	mu sync.Mutex
}

func (e *exclusive) Read(p []byte) (int, error) {
	if !e.mu.TryLock() {
		e.t.Error("two read from the client at once")
		return 0, io.ErrUnexpectedEOF
	}
	defer e.mu.Unlock()
	return e.Reader.Read(p)
}

// TestReplayLetsGo: once no further attempt can follow, nothing more is kept.
func TestReplayLetsGo(t *testing.T) {
	b := New(strings.NewReader("hello, world"), -1, 100)
	r := b.Reader(nil)
	io.CopyN(io.Discard, r, 5)
	r.Last()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != ", world" || len(b.kept) != 0 {
		t.Errorf("read %q, %v; %d bytes are kept", rest, err, len(b.kept))
	}
	behind := New(strings.NewReader("hello"), -1, 100)
	io.ReadAll(behind.Reader(nil))
	again := behind.Reader(nil)
	again.Last()
	if text, err := io.ReadAll(again); err != nil || string(text) != "hello" {
		t.Errorf("read %q, %v", text, err)
	}
}
