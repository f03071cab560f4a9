package idempotency

import (
	"cmp"
	"io"
	"os"
	"sync"
	"time"
)

// file is what a journal is written to.
type file interface {
	io.Writer
	Sync() error
}

const (
	// syncEvery is how often the journal is forced to the disk where that is
	// done at intervals.
	syncEvery = time.Second
	// A journal that fails is tried again after the first of these, then later
	// and later up to the second.
	retryFirst = time.Second
	retryLast  = 30 * time.Second
	// A journal is written anew when it is larger than twice what it has to
	// hold, and by this at least.
	rewriteAt = 4 << 20
)

// journal is the file by which a store outlives its process. One goroutine
// writes it; requests add to the batch that is written next.
//
// When writing fails, what it has already written is in doubt: the end may be
// torn, and after a failed fsync the system may hold pages for written that
// are not. So nothing is added to it any more. It is written anew from the
// table, as a whole, until that succeeds; until then the store is unavailable
// for new keys.
type journal struct {
	table *Local
	path  string
	wrap  func(file) file

	patience, retry time.Duration

	wake chan struct{} // holds a wish to write
	stop chan struct{}
	over chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	sync    Sync
	next    *batch
	begun   time.Time // of the batch that is being written; zero: none is
	closed  bool
	failure error
	since   time.Time // the failures in a row
	bytes   int64
	told    JournalStatus // what was found at the start

	// The writer's own.
	os        *os.File
	file      file
	held      *os.File // the lock
	dirty     bool     // written, and not forced to the disk
	rewriting chan rewritten
	rewriteAt int64 // how large the journal must be for the next one
}

func newJournal(l *Local, o Options) *journal {
	j := &journal{
		table: l, path: o.File, sync: o.Sync, wrap: o.wrap,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), over: make(chan struct{}),
		told: JournalStatus{File: o.File}, rewriteAt: rewriteAt,
	}
	j.patience, j.retry = cmp.Or(o.patience, diskPatience), cmp.Or(o.retry, retryFirst)
	j.next = newBatch(j.patience)
	if j.wrap == nil {
		j.wrap = func(f file) file { return f }
	}
	return j
}

// add adds a record to the batch that is written next, and returns that. The
// table's lock is held, so that records follow each other as the changes do.
func (j *journal) add(record func([]byte) []byte) *batch {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.failure
	switch {
	case err != nil:
	case j.closed:
		err = errClosed
	case len(j.next.frame) > mostWaiting:
		err = errSlow
	}
	if err != nil {
		b := newBatch(j.patience)
		b.finish(err)
		return b
	}
	j.next.frame = record(j.next.frame)
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return j.next
}

// mode is when the journal is forced to the disk.
func (j *journal) mode() Sync {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sync
}

// configure changes that. What was written until then is forced within a second.
func (j *journal) configure(mode Sync) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sync = mode
}

// close writes what is left and waits for that, but not for ever.
func (j *journal) close() {
	if j == nil {
		return
	}
	j.mu.Lock()
	first := !j.closed
	j.closed = true
	j.mu.Unlock()
	if first {
		close(j.stop)
	}
	patience := time.NewTimer(diskPatience)
	defer patience.Stop()
	select {
	case <-j.over:
	case <-patience.C:
	}
}

func (j *journal) setSize(n int64) {
	j.mu.Lock()
	j.bytes = n
	j.mu.Unlock()
}

func (j *journal) sizeNow() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bytes
}

func (j *journal) status() *JournalStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.told
	s.Bytes, s.FailingSince = j.bytes, j.since
	if j.failure != nil {
		s.Error = j.failure.Error()
	}
	return &s
}
