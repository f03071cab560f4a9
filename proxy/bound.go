package proxy

import (
	"context"
	"sync"
	"time"
)

// bound ends an exchange that takes too long, with one timer for two limits:
// the deadline, which stands, and the response timeout, which counts from the
// last progress of the request's body until the answer's header. So a slow
// upload is no silence, and an upstream that stops taking it is.
type bound struct {
	cancel   context.CancelCauseFunc
	deadline time.Time     // zero: none
	silence  time.Duration // the response timeout; 0: none

	mu       sync.Mutex
	timer    *time.Timer
	progress time.Time
	answered bool
	ended    bool
}

// start begins the watch at now.
func (b *bound) start(now time.Time) {
	b.progress = now
	if b.deadline.IsZero() && b.silence == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer = time.AfterFunc(b.next(now), b.check)
}

// next is the time until the earlier limit.
func (b *bound) next(now time.Time) time.Duration {
	var wait time.Duration
	if b.silence > 0 && !b.answered {
		wait = b.progress.Add(b.silence).Sub(now)
	}
	if !b.deadline.IsZero() {
		if left := b.deadline.Sub(now); wait == 0 || left < wait {
			wait = left
		}
	}
	return max(wait, 0)
}

// check runs when the timer does: it ends the exchange, or sets the timer
// again because of progress made since. So progress itself only notes the time.
func (b *bound) check() {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
	case !b.deadline.IsZero() && !now.Before(b.deadline):
		b.cancel(errDeadline)
	case !b.answered && b.silence > 0 && now.Sub(b.progress) >= b.silence:
		b.cancel(errResponseDeadline)
	case b.answered && b.deadline.IsZero():
	default:
		b.timer.Reset(b.next(now))
	}
}

// moved notes progress of the request's body.
func (b *bound) moved(now time.Time) {
	b.mu.Lock()
	b.progress = now
	b.mu.Unlock()
}

// answer ends the wait for the answer's header. An answer that is meant to
// last is free of the deadline too.
func (b *bound) answer(lasting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = true
	if lasting {
		b.deadline = time.Time{}
	}
	if b.timer != nil && b.deadline.IsZero() {
		b.timer.Stop()
	}
}

// end stops the watch.
func (b *bound) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.timer != nil {
		b.timer.Stop()
	}
}
