package idempotency

import (
	"errors"
	"os"
	"time"
)

var errReplaced = errors.New("the journal was removed, replaced or changed by somebody else")

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

// force forces the journal to the disk.
func (j *journal) force() {
	if err := j.file.Sync(); err != nil {
		j.fail(err, time.Now())
		return
	}
	j.dirty = false
}

// reject fails what was added before a failure was known.
func (j *journal) reject() {
	if b := j.take(time.Time{}); b != nil {
		b.finish(j.failed())
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
