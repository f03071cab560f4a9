package telemetry

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// noticeInterval is the least time between two lines about drops.
	noticeInterval = 10 * time.Second

	// batchBytes is about how much is written at once.
	batchBytes = 32 << 10
)

// sinkOptions says what a sink does with its values.
type sinkOptions[T any] struct {
	// name of the sink in metrics and on the status page.
	name string
	// size of the ring, in values.
	size int
	// prepare, if set, is called once for each slot of the ring.
	prepare func(*T)
	// encode appends a value, one line with its end, to dst.
	encode func(dst []byte, v *T) []byte
	// notice appends a line which says that so many values were dropped since
	// the last such line.
	notice func(dst []byte, now time.Time, dropped uint64) []byte
	// linger is how long the goroutine that writes lets values gather after it
	// was woken. It spares waking it for each one. 0: not at all.
	linger time.Duration
}

// sink is a ring and the one goroutine that writes what comes through it.
//
// Everything that can take long (encoding, the writer's system call, a pipe
// that nobody reads) happens on that goroutine; whoever puts a value pays for
// a copy. A writer that fails loses the batch it failed on, which is counted,
// and is tried again with the next one: a disk that was full may have room.
type sink[T any] struct {
	sinkOptions[T]
	w    io.Writer
	ring *Ring[T]

	written  atomic.Uint64
	failed   atomic.Uint64
	late     atomic.Uint64 // values refused because the sink was closed
	dropping episode
	failing  episode

	closeOnce sync.Once
	closed    atomic.Bool   // no more values are taken
	abandoned atomic.Bool   // nobody waits for the rest any more
	closing   chan struct{} // closed together with closed
	done      chan struct{} // closed when the goroutine has ended

	errMu   sync.Mutex
	lastErr string

	// Only the goroutine uses these.
	batch      []byte
	lines      uint64 // values in batch
	torn       bool   // the last write ended in the middle of a line
	reported   uint64 // drops that a notice told of
	lastNotice time.Time
}

func newSink[T any](w io.Writer, o sinkOptions[T]) *sink[T] {
	s := &sink[T]{
		sinkOptions: o,
		w:           w,
		ring:        NewRing(o.size, o.prepare),
		closing:     make(chan struct{}),
		done:        make(chan struct{}),
	}
	go s.run()
	return s
}

// claim reserves a slot to be filled and given to commit, or counts a drop.
func (s *sink[T]) claim() (pos uint64, v *T, ok bool) {
	if s.closed.Load() {
		s.late.Add(1)
		return 0, nil, false
	}
	if pos, v, ok = s.ring.Claim(); !ok {
		s.dropping.mark(time.Now())
	}
	return pos, v, ok
}

// commit hands a slot that was claimed to the goroutine that writes.
func (s *sink[T]) commit(pos uint64) { s.ring.Commit(pos) }

func (s *sink[T]) run() {
	defer close(s.done)
	for {
		s.drain()
		var due <-chan time.Time
		if s.ring.Dropped() > s.reported {
			due = time.After(noticeInterval - time.Since(s.lastNotice))
		}
		select {
		case <-s.ring.Wait():
			if s.linger > 0 {
				select {
				case <-time.After(s.linger):
				case <-s.closing:
				}
			}
		case <-due:
		case <-s.closing:
			s.drain()
			return
		}
	}
}

// drain writes all that is in the ring.
func (s *sink[T]) drain() {
	for !s.abandoned.Load() {
		v, ok := s.ring.Next()
		if !ok {
			break
		}
		s.batch = s.encode(s.batch, v)
		s.ring.Release()
		s.lines++
		if len(s.batch) >= batchBytes {
			s.flush()
		}
	}
	s.flush()
}

// flush writes the batch, and a notice about drops if one is due.
func (s *sink[T]) flush() {
	dropped := s.ring.Dropped()
	notice := false
	if dropped > s.reported {
		if now := time.Now(); now.Sub(s.lastNotice) >= noticeInterval {
			notice = true
			s.lastNotice = now
			s.batch = s.notice(s.batch, now, dropped-s.reported)
		}
	}
	if len(s.batch) == 0 {
		return
	}
	if s.torn {
		// End the line that a failed write left half, so that only it is lost.
		s.batch = append(s.batch, '\n')
		copy(s.batch[1:], s.batch)
		s.batch[0] = '\n'
	}

	n, err := s.w.Write(s.batch)
	if err == nil && n < len(s.batch) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.failed.Add(s.lines)
		s.fail(err)
		if n = min(n, len(s.batch)); n > 0 {
			s.torn = s.batch[n-1] != '\n'
		}
	} else {
		s.written.Add(s.lines)
		s.torn = false
		if notice {
			s.reported = dropped
		}
	}
	s.batch, s.lines = s.batch[:0], 0
}

func (s *sink[T]) fail(err error) {
	s.failing.mark(time.Now())
	s.errMu.Lock()
	defer s.errMu.Unlock()
	s.lastErr = err.Error()
}

// Close takes no more values, writes what it holds and returns within the
// timeout, even if the writer never does: then with an error that is
// [ErrNotFlushed]. A goroutine that hangs in its writer is left behind.
func (s *sink[T]) Close(timeout time.Duration) error {
	s.closeOnce.Do(func() {
		s.closed.Store(true)
		close(s.closing)
	})
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-s.done:
		return nil
	case <-t.C:
		s.abandoned.Store(true)
		return fmt.Errorf("%w: %s, %d lines still queued", ErrNotFlushed, s.name, s.ring.Len())
	}
}

// Stats returns the counters of the sink.
func (s *sink[T]) Stats() SinkStats {
	st := SinkStats{
		Name:     s.name,
		Written:  s.written.Load(),
		Dropped:  s.ring.Dropped() + s.late.Load(),
		Errors:   s.failed.Load(),
		Queued:   s.ring.Len(),
		Capacity: s.ring.Cap(),
	}
	if s.abandoned.Load() {
		st.Dropped += uint64(st.Queued)
		st.Queued = 0
	}
	st.DroppingSince, st.LastDrop = s.dropping.span()
	st.FailingSince, st.LastFailure = s.failing.span()
	s.errMu.Lock()
	defer s.errMu.Unlock()
	st.LastError = s.lastErr
	return st
}

// SinkStats is a snapshot of where lines of telemetry went.
type SinkStats struct {
	// Name of the sink: access or log.
	Name string `json:"name"`
	// Written counts lines that the writer took.
	Written uint64 `json:"written"`
	// Dropped counts lines that found the ring full, or the sink closed.
	Dropped uint64 `json:"dropped"`
	// Errors counts lines lost because the writer failed, as with a full disk.
	Errors uint64 `json:"errors"`
	// Suppressed counts lines that a rate cap held back.
	Suppressed uint64 `json:"suppressed,omitempty"`
	// Queued counts lines that wait in the ring now.
	Queued int `json:"queued"`
	// Capacity is how many can.
	Capacity int `json:"capacity"`
	// DroppingSince and LastDrop are when the latest row of drops began, and
	// its latest drop. Zero: nothing was dropped since the start.
	DroppingSince time.Time `json:"droppingSince,omitzero"`
	LastDrop      time.Time `json:"lastDrop,omitzero"`
	// FailingSince, LastFailure and LastError are the same for the writer.
	FailingSince time.Time `json:"failingSince,omitzero"`
	LastFailure  time.Time `json:"lastFailure,omitzero"`
	LastError    string    `json:"lastError,omitempty"`
}
