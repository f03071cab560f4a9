package idempotency

import (
	"errors"
	"io/fs"
	"time"
)

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
