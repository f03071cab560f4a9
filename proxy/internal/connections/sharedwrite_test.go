package connections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// recorder is a connection that keeps what is written to it.
type recorder struct {
	mu     sync.Mutex
	got    bytes.Buffer
	writes int
	hold   chan struct{} // nil: each write goes at once; else it waits for one
	err    error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	if r.err != nil {
		return 0, r.err
	}
	return r.got.Write(p)
}

// TestSharedWriter: whoever writes, all of it arrives, each piece whole and each
// one's in their order, and they share the calls.
func TestSharedWriter(t *testing.T) {
	const writers, pieces = 16, 300
	out := &recorder{}
	s := newSharedWriter(out)
	s.asking.Add(writers)
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range pieces {
					piece := bytes.Repeat([]byte{byte(w)}, 4+(i*37+w)%900)
					binary.BigEndian.PutUint16(piece, uint16(len(piece)))
					piece[2], piece[3] = byte(w), byte(i)
					if n, err := s.Write(piece); n != len(piece) || err != nil {
						t.Errorf("wrote %d of %d: %v", n, len(piece), err)
					}
				}
			})
		}
		wg.Wait()
		synctest.Wait()
	})
	next := [writers]int{}
	for rest := out.got.Bytes(); len(rest) > 0; {
		n := int(binary.BigEndian.Uint16(rest))
		w, i := rest[2], rest[3]
		if int(w) >= writers || n < 4 || n > len(rest) || i != byte(next[w]) || !bytes.Equal(rest[4:n], bytes.Repeat([]byte{w}, n-4)) {
			t.Fatalf("piece %d of %d isn't what was written", i, w)
		}
		next[w]++
		rest = rest[n:]
	}
	for w, n := range next {
		if n != pieces {
			t.Errorf("%d pieces of %d arrived", n, w)
		}
	}
	if out.writes >= writers*pieces {
		t.Errorf("%d writes for %d pieces", out.writes, writers*pieces)
	}
	if s.busy || s.pending != nil {
		t.Error("it still holds something")
	}
}

// TestSharedWriterAlone: one alone writes by himself, and hears of errors at once.
func TestSharedWriterAlone(t *testing.T) {
	out := &recorder{}
	s := newSharedWriter(out)
	s.asking.Add(1)
	if n, err := s.Write([]byte("hello")); n != 5 || err != nil || out.got.String() != "hello" {
		t.Errorf("wrote %d, %v: %q", n, err, out.got.String())
	}
	out.err = errors.New("gone")
	if _, err := s.Write([]byte("hello")); err != out.err {
		t.Errorf("the error is %v", err)
	}
	if _, err := s.Write([]byte("hello")); err == nil || out.writes != 2 {
		t.Errorf("written to once more: %v", err)
	}
}

// TestSharedWriterIsBounded: as long as the connection takes nothing, no more is
// kept than may be, and who has more waits; an error lets all of them go.
func TestSharedWriterIsBounded(t *testing.T) {
	for _, fails := range []error{nil, errors.New("gone")} {
		synctest.Test(t, func(t *testing.T) {
			out := &recorder{hold: make(chan struct{}), err: fails}
			s := newSharedWriter(out)
			s.asking.Add(2)
			const pieces, size = 40, 8 << 10
			wrote, failed := 0, 0
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range pieces {
				wg.Go(func() {
					_, err := s.Write(make([]byte, size))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						wrote++
					} else {
						failed++
					}
				})
			}
			synctest.Wait()
			mu.Lock()
			if wrote*size > 2*sharedMost { // what is being written, and what is next
				t.Errorf("%d bytes are kept", wrote*size)
			}
			mu.Unlock()
			close(out.hold)
			wg.Wait()
			synctest.Wait()
			if fails == nil && (out.got.Len() != pieces*size || failed > 0) {
				t.Errorf("%d of %d bytes arrived, %d writes failed", out.got.Len(), pieces*size, failed)
			}
			if fails != nil && (failed == 0 || wrote+failed != pieces) {
				t.Errorf("%d writes failed, %d didn't", failed, wrote)
			}
		})
	}
}
