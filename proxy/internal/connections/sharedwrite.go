package connections

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// sharedMost is how much waits to be written at most, in bytes. Who has more to
// write waits, as he would for the socket.
const sharedMost = 64 << 10

var sharedRooms = sync.Pool{New: func() any {
	b := make([]byte, 0, sharedMost)
	return &b
}}

// sharedWriter is what requests that share a connection write to. net/http writes
// the header of each by itself, and then each piece of its body, one request at
// a time; a call of the system's for each would be half of what they cost. So
// where several are being sent, what they write is noted, and written by a
// goroutine of its own when all have had their say that are ready to. One alone
// writes by himself.
//
// An error of writing is told to whoever writes next, and whoever reads hears
// from the connection.
type sharedWriter struct {
	out    io.Writer
	asking atomic.Int32 // requests that are being sent, or wait for their answer's header

	mu   sync.Mutex
	room sync.Cond // of pending; its lock is mu
	busy bool      // somebody writes, or is about to
	// pending is what is to be written next; nil: nothing.
	pending *[]byte
	err     error
}

func newSharedWriter(out io.Writer) *sharedWriter {
	s := &sharedWriter{out: out}
	s.room.L = &s.mu
	return s
}

// Write implements [io.Writer]. It keeps nothing of p.
func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.pending != nil && len(*s.pending)+len(p) > sharedMost && s.err == nil {
		s.room.Wait()
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.busy:
		s.note(p)
		return len(p), nil
	case s.asking.Load() > 1:
		s.busy = true
		s.note(p)
		go s.run()
		return len(p), nil
	}
	s.busy = true
	s.mu.Unlock()
	n, err := s.out.Write(p)
	s.mu.Lock()
	s.busy, s.err = false, err
	if s.pending != nil { // others came meanwhile
		s.busy = true
		go s.run()
	}
	return n, err
}

// note puts p behind what is to be written. The lock must be held.
func (s *sharedWriter) note(p []byte) {
	if s.pending == nil {
		s.pending = sharedRooms.Get().(*[]byte)
	}
	*s.pending = append(*s.pending, p...)
}

// run writes what is to be written, until nothing is. Before, it lets run whoever
// is ready to add to it.
func (s *sharedWriter) run() {
	runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.pending != nil && s.err == nil {
		out := s.pending
		s.pending = nil
		s.room.Broadcast()
		s.mu.Unlock()
		_, err := s.out.Write(*out)
		if cap(*out) == sharedMost { // a single piece may have been larger
			*out = (*out)[:0]
			sharedRooms.Put(out)
		}
		s.mu.Lock()
		s.err = err
	}
	s.busy, s.pending = false, nil
	s.room.Broadcast()
}
