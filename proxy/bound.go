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
//
// The same timer makes a stream of an exchange whose answer runs on.
type bound struct {
	cancel   context.CancelCauseFunc
	deadline time.Time     // zero: none
	silence  time.Duration // the response timeout; 0: none
	permit   *permit       // what becomes a stream's

	mu       sync.Mutex
	timer    *time.Timer
	progress time.Time
	answered bool
	streams  time.Time // when the answer becomes a stream; zero: not
	ended    bool
}

// start begins the watch at now.
func (b *bound) start(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.progress = now
	b.set(now)
}

// set sets the timer to the earliest limit, or stops it. The lock must be held.
func (b *bound) set(now time.Time) {
	due := b.deadline
	if b.silence > 0 && !b.answered {
		due = earlier(due, b.progress.Add(b.silence))
	}
	due = earlier(due, b.streams)
	switch {
	case due.IsZero():
		if b.timer != nil {
			b.timer.Stop()
		}
	case b.timer == nil:
		b.timer = time.AfterFunc(max(due.Sub(now), 0), b.check)
	default:
		b.timer.Reset(max(due.Sub(now), 0))
	}
}

// earlier is the earlier of two moments; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// check runs when the timer does: it ends the exchange, or sets the timer
// again because of progress made since. So progress itself only notes the time.
func (b *bound) check() {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
		return
	case !b.deadline.IsZero() && !now.Before(b.deadline):
		b.cancel(errDeadline)
		return
	case !b.answered && b.silence > 0 && now.Sub(b.progress) >= b.silence:
		b.cancel(errResponseDeadline)
		return
	case !b.streams.IsZero() && !now.Before(b.streams):
		b.stream(now)
	}
	b.set(now)
}

// stream makes a stream of the exchange, now or when there is room for one.
// The lock must be held.
func (b *bound) stream(now time.Time) {
	b.streams = time.Time{}
	if !b.permit.last(now) {
		b.streams = now.Add(streamAfter)
	}
}

// moved notes progress of the request's body.
func (b *bound) moved(now time.Time) {
	b.mu.Lock()
	b.progress = now
	b.mu.Unlock()
}

// lastMoved is when the request's body last made progress, or begun if it
// hasn't since.
func (b *bound) lastMoved(begun time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.progress.After(begun) {
		return b.progress
	}
	return begun
}

// answer ends the wait for the answer's header, at now. An answer that is
// meant to last is free of the deadline too, and a stream at once; another
// becomes one by lasting.
func (b *bound) answer(now time.Time, lasting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = true
	if lasting {
		b.deadline = time.Time{}
		b.stream(now)
	} else if b.permit.held() {
		b.streams = now.Add(streamAfter)
	}
	b.set(now)
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
