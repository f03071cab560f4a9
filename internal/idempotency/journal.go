package idempotency

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

var errReplaced = errors.New("the journal was removed, replaced or changed by somebody else")

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

// rewritten is a journal that was written anew beside the one in use.
type rewritten struct {
	f     *os.File
	size  int64
	from  int64 // the offset in the one in use behind which it knows nothing
	error error
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

// start reads the journal, and begins to write it.
func (j *journal) start(now time.Time) {
	j.open(now)
	go j.run()
}

// open reads the journal, if it can.
func (j *journal) open(now time.Time) {
	err := j.read(now)
	if err != nil {
		j.fail(err, now)
		return
	}
	j.recover(now)
}

func (j *journal) read(now time.Time) (err error) {
	if j.held == nil {
		if j.held, err = lock(j.path); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for, for ever
		return errors.New("it is no regular file")
	}
	read, err := readJournal(f, info.Size())
	if err != nil {
		return err
	}
	if read.torn > 0 {
		if err := f.Truncate(read.good); err != nil {
			return err
		}
	}
	w := j.wrap(f)
	if read.good == 0 {
		if _, err := w.Write([]byte(journalMark)); err != nil {
			return err
		}
		read.good = int64(len(journalMark))
	}
	if err := w.Sync(); err != nil {
		return err
	}
	if info.Size() == 0 {
		syncFolder(filepath.Dir(j.path))
	}
	j.os, j.file = f, w
	j.setSize(read.good)
	restored := j.table.restore(read, now)
	j.mu.Lock()
	j.told.Restored, j.told.Torn = restored, read.torn
	j.mu.Unlock()
	switch {
	case info.Size() == 0:
		j.table.log.Info("the idempotency journal is new: no key is known yet", "file", j.path)
	default:
		j.table.log.Info("idempotency journal read", "file", j.path, "keys", restored)
	}
	if read.torn > 0 {
		j.table.log.Warn("the end of the idempotency journal was never written whole, and is cut off", "file", j.path, "bytes", read.torn)
	}
	return nil
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

// usable says why nothing new may be relied on at now; nil: it may.
func (j *journal) usable(now time.Time) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return unavailable(errClosed)
	case j.failure != nil:
		return unavailable(j.failure)
	case len(j.next.frame) > mostWaiting, !j.begun.IsZero() && now.Sub(j.begun) > j.patience:
		return unavailable(errSlow)
	}
	return nil
}

// unavailable is why the journal can't be read.
func (j *journal) unavailable() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		return unavailable(errClosed)
	}
	return unavailable(j.failure)
}

// run writes until it is stopped.
func (j *journal) run() {
	defer close(j.over)
	sync := time.NewTicker(syncEvery)
	defer sync.Stop()
	pause := j.retry
	retry := time.NewTimer(pause)
	defer retry.Stop()
	for {
		if j.failed() != nil {
			j.reject()
			select {
			case <-j.wake:
			case <-retry.C:
				if now := time.Now(); j.os == nil {
					j.open(now)
				} else {
					j.restart(now)
				}
				if err := j.failed(); err == nil || errors.Is(err, errLocked) {
					pause = j.retry // who holds the lock may let it go at any moment
				} else {
					pause = min(2*pause, retryLast)
				}
				retry.Reset(pause)
			case <-j.stop:
				j.end()
				return
			}
			continue
		}
		select {
		case <-j.wake:
			j.write()
		case <-sync.C:
			j.tend()
		case r := <-j.rewriting:
			j.rewriting = nil
			j.adopt(r)
		case <-j.stop:
			j.end()
			return
		}
		if j.failed() != nil {
			pause = j.retry
			retry.Reset(pause)
		}
	}
}

// take takes the batch that has filled, and begins the next.
func (j *journal) take(now time.Time) *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next.empty() {
		return nil
	}
	b := j.next
	j.next, j.begun = newBatch(j.patience), now
	return b
}

// write writes a batch.
func (j *journal) write() {
	b := j.take(time.Now())
	if b == nil {
		return
	}
	err := j.put(b)
	now := time.Now()
	if err != nil {
		j.fail(err, now)
	}
	j.mu.Lock()
	j.begun = time.Time{}
	j.mu.Unlock()
	b.finish(err)
	if err == nil && j.rewriting == nil && j.sizeNow() > max(j.rewriteAt, 2*j.table.size()) {
		j.shrink()
	}
}

func (j *journal) put(b *batch) error {
	// If it is written anew now, the batch is written twice, which does no harm.
	if err := j.keepInPlace(); err != nil {
		return err
	}
	seal(b.frame)
	n, err := j.file.Write(b.frame)
	j.setSize(j.sizeNow() + int64(n))
	if err != nil {
		return err
	}
	if mode := j.mode(); mode == SyncInterval || mode == SyncNever {
		j.dirty = true
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.dirty = false
	return nil
}

// tend does what is done each second, though nothing is written.
func (j *journal) tend() {
	if err := j.keepInPlace(); err != nil {
		j.fail(err, time.Now())
		return
	}
	if j.dirty && j.mode() != SyncNever {
		j.force()
	}
}

// keepInPlace writes the journal anew, from the table, if somebody has changed it.
func (j *journal) keepInPlace() error {
	if j.inPlace() {
		return nil
	}
	j.table.log.Warn("the idempotency journal was removed, replaced or changed by somebody else; it is written anew", "file", j.path)
	j.abandonRewrite()
	f, size, err := j.rewrite()
	if err != nil {
		return errors.Join(errReplaced, err)
	}
	if err := j.replace(f, size); err != nil {
		return errors.Join(errReplaced, err)
	}
	return nil
}

// inPlace says whether the file that is written is the one at the path, and as
// long as it was left: what goes into one that was removed is lost at the next
// start, and one that was truncated (by a shell's >, or by what rotates logs)
// can't be read then.
func (j *journal) inPlace() bool {
	at, err := os.Stat(j.path)
	if err != nil {
		return false
	}
	mine, err := j.os.Stat()
	return err == nil && os.SameFile(at, mine) && mine.Size() == j.sizeNow()
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

// force forces the journal to the disk.
func (j *journal) force() {
	if err := j.file.Sync(); err != nil {
		j.fail(err, time.Now())
		return
	}
	j.dirty = false
}

// shrink begins to write a smaller journal, beside the one in use, which goes
// on being written.
func (j *journal) shrink() {
	results := make(chan rewritten, 1)
	j.rewriting = results
	from := j.sizeNow()
	go func() {
		f, size, err := j.rewrite()
		if err == nil { // most of it, so that the writer isn't held up for long
			_ = j.wrap(f).Sync() // it will be tried again
		}
		results <- rewritten{f, size, from, err}
	}()
}

// adopt takes a journal that was written anew into use, with what was written
// to the old one meanwhile.
func (j *journal) adopt(r rewritten) {
	err := r.error
	if err == nil {
		var n int64
		if n, err = j.copyTail(r.f, r.from); err == nil {
			err = j.replace(r.f, r.size+n)
		} else {
			r.f.Close()
			os.Remove(r.f.Name())
		}
	}
	if err != nil {
		// The one in use is sound; it only is larger than it has to be.
		j.rewriteAt = j.sizeNow() * 3 / 2
		j.table.log.Warn("the idempotency journal can't be written anew; it goes on growing", "file", j.path, "error", err)
		return
	}
	j.rewriteAt = rewriteAt
}

// restart writes the journal anew, after a failure.
func (j *journal) restart(now time.Time) {
	j.abandonRewrite()
	f, size, err := j.rewrite()
	if err == nil {
		err = j.replace(f, size)
	}
	if err != nil {
		j.fail(err, now)
		return
	}
	j.recover(now)
}

// fail notes a failure, and says so once for each reason.
func (j *journal) fail(err error, now time.Time) {
	if path, ok := errors.AsType[*fs.PathError](err); ok && path.Path == j.path {
		err = path.Err
	}
	j.mu.Lock()
	before := j.failure
	j.failure = err
	if before == nil {
		j.since = now
	}
	j.mu.Unlock()
	if before == nil || before.Error() != err.Error() {
		j.table.log.Error("the idempotency journal can't be used: keyed requests are refused where nothing else is configured", "file", j.path, "error", err)
	}
}

// recover notes that all is well again.
func (j *journal) recover(now time.Time) {
	j.mu.Lock()
	failed, since := j.failure != nil, j.since
	j.failure, j.since = nil, time.Time{}
	j.mu.Unlock()
	if failed {
		j.table.log.Info("the idempotency journal can be used again", "file", j.path, "after", now.Sub(since).Round(time.Millisecond))
	}
}

func (j *journal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

// reject fails what was added before a failure was known.
func (j *journal) reject() {
	if b := j.take(time.Time{}); b != nil {
		b.finish(j.failed())
	}
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

// end is the writer's.
func (j *journal) end() {
	j.abandonRewrite()
	if j.failed() == nil {
		j.write()
		if j.dirty && j.failed() == nil {
			j.force()
		}
	}
	j.reject()
	if j.os != nil {
		j.os.Close()
	}
	if j.held != nil {
		j.held.Close()
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
