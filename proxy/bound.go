package proxy

import (
	"context"
	"io"
	"sync"
	"time"
)

// bound ends an exchange that takes too long, with one timer for two limits:
// the deadline, which stands, and the response timeout, which counts from the
// last progress of the request's body until the answer's header. So a slow
// upload is no silence, nor is a wait in Levee's own queue, and an upstream that
// stops taking it is.
//
// Who waits for another one's fetch waits for the upstream all the same: the
// response timeout counts from when it began to wait, whatever fetches follow each
// other meanwhile, but for the time in which they are in the queue.
//
// An answer to a fetch for the cache is watched to its end: all who ask for the same
// wait for it, and one that stands still would keep them from it for good.
//
// The same timer makes a stream of an exchange whose answer runs on.
//
// And it lets an upload give way whose client is slow. The service does no work
// for it meanwhile, but a permit is held from the request's header on: a few
// such clients would take the whole limit and leave the service idle. So when
// its client has been waited for, for a second altogether, and is being waited
// for now, and the endpoint has no permit left for others, the upload becomes a
// stream: counted apart, up to the limit of those, and cut by nobody. What it
// may then ask of the service beyond the limit is one request each, and each
// had to hold a permit for a second first. Neither counts as the client's time
// what the service takes to read the body: a service that is at its limit
// reads slowly, and must not be given more for it.
type bound struct {
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // calls check
	armed bool        // it runs
	rings time.Time   // when, where it does
	watch
}

// watch is the part of a bound that is of one exchange alone.
type watch struct {
	limits
	progress time.Time
	queued   bool // for a permit: nobody else is silent meanwhile
	answered bool
	idled    func(time.Time) time.Duration // how long another one's fetch has waited for its turn; nil: none is waited for
	before   time.Duration                 // the same, when progress was noted
	fills    bool                          // the answer is to a fetch for the cache
	streams  time.Time                     // when to look whether it is a stream; zero: never
	ended    bool

	uploads bool          // the request's body has not come to its end
	asked   time.Time     // since when the client is waited for, for more of it; zero: it isn't
	waited  time.Duration // and for how long before that
}

// limits are what it is bound by, and what that is about.
type limits struct {
	deadline time.Time     // zero: none
	silence  time.Duration // the response timeout; 0: none
	permit   *permit       // what becomes a stream's
	body     *requestBody  // of the request
}

// start begins the watch at now, with limits that nothing knows of before: a timer
// of the exchange before may ring at any moment. uploads says whether there is a
// body to come. The timer rings when a short answer is long
// over, though nothing is due so soon: that spares setting it when the answer
// begins. It may still be the one of the exchange before, see [bound.end].
func (b *bound) start(l limits, uploads bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limits, b.uploads, b.progress = l, uploads, now
	if uploads {
		b.streams = now.Add(streamAfter)
	}
	if due := b.due(now); !due.IsZero() {
		b.arm(earlier(due, now.Add(streamAfter)), now)
	}
}

// due is the earliest limit at now; zero: there is none. The lock must be held.
func (b *bound) due(now time.Time) time.Time {
	due := b.deadline
	if b.listens() {
		over := b.silent(now).Add(b.silence)
		if b.idled != nil { // it may be waiting for its turn just now
			over = later(over, now.Add(idleFor))
		}
		due = earlier(due, over)
	}
	return earlier(due, b.streams)
}

// set sees to it that the timer rings at the earliest limit at the latest. The
// lock must be held.
func (b *bound) set(now time.Time) {
	if due := b.due(now); !due.IsZero() {
		b.arm(due, now)
	}
}

// arm lets the timer ring at due, or before: check finds nothing to do then, and
// sets it anew. So limits that only get later cost nothing. The lock must be held.
func (b *bound) arm(due, now time.Time) {
	switch {
	case b.armed && !b.rings.After(due):
		return
	case b.timer == nil:
		b.timer = time.AfterFunc(max(due.Sub(now), 0), b.check)
	default:
		b.timer.Reset(max(due.Sub(now), 0))
	}
	b.armed, b.rings = true, due
}

// idleFor is how often it is looked, at most, whether a fetch still waits for its turn.
const idleFor = 10 * time.Millisecond

// silent is since when the upstream is. The lock must be held.
func (b *bound) silent(now time.Time) time.Time {
	if b.idled == nil {
		return b.progress
	}
	return b.progress.Add(b.idled(now) - b.before)
}

// listens says whether a silence may be the upstream's. The lock must be held.
func (b *bound) listens() bool { return b.silence > 0 && (!b.answered || b.fills) && !b.queued }

// earlier is the earlier of two moments; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
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
	if b.armed && now.Before(b.rings) {
		return // it was set anew just as it rang
	}
	b.armed = false
	switch {
	case b.ended:
		return
	case !b.deadline.IsZero() && !now.Before(b.deadline):
		b.over(errDeadline, now)
		return
	case b.listens() && now.Sub(b.silent(now)) >= b.silence:
		b.over(errResponseDeadline, now)
		return
	case !b.streams.IsZero() && !now.Before(b.streams):
		b.stream(now)
	}
	b.set(now)
}

// over ends the exchange. The lock must be held.
//
// The transport doesn't return, and the permit isn't given back, while it waits
// for the request's body: that is ended too. A body that it doesn't wait for is
// left alone, so that the client's connection may live on.
func (b *bound) over(why error, now time.Time) {
	b.cancel(why)
	if b.uploads && !b.answered {
		b.body.cut(now, !b.asked.IsZero())
	}
}

// stream makes a stream of the exchange, now or when there is room for one.
// The lock must be held.
func (b *bound) stream(now time.Time) {
	b.streams = time.Time{}
	switch {
	case b.answered:
		if !b.permit.last(now) {
			b.streams = now.Add(streamAfter)
		}
	case b.uploads:
		waited := b.waited
		if !b.asked.IsZero() {
			waited += now.Sub(b.asked)
		}
		if waited < streamAfter || b.asked.IsZero() || !b.permit.yield(now) {
			b.streams = now.Add(max(streamAfter-waited, streamAfter/4))
		}
	}
}

// extend moves the deadline, at now. Zero: there is none any more.
func (b *bound) extend(deadline, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.deadline = deadline
		b.set(now)
	}
}

// holds says which permit it is about: of the latest attempt, or of the one
// whose answer is passed on. One of an upload is looked at although that of the
// attempt before has given way.
func (b *bound) holds(p *permit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.permit == p {
		return
	}
	b.permit = p
	if b.uploads && !b.answered && !b.ended && b.streams.IsZero() {
		now := time.Now()
		b.streams = now.Add(streamAfter)
		b.set(now)
	}
}

// enqueued begins a wait in the queue, or before a retry.
func (b *bound) enqueued() {
	b.mu.Lock()
	b.queued = true
	b.mu.Unlock()
}

// dequeued ends the wait.
func (b *bound) dequeued(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queued, b.progress, b.idled = false, now, nil
	b.set(now)
}

// follows begins a wait for another one's fetch, or goes on with it for the next
// one, at now. dequeued ends it.
func (b *bound) follows(idled func(time.Time) time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.idled == nil {
		b.progress = now
	} else {
		b.progress = b.silent(now)
	}
	b.queued, b.idled, b.before = false, idled, idled(now)
	b.set(now)
}

// asks notes that the client is waited for, for more of the request's body.
func (b *bound) asks(now time.Time) {
	b.mu.Lock()
	b.asked = now
	b.mu.Unlock()
}

// got notes that so many bytes of it have come. What ends before its end was
// waited for in vain, and stays so.
func (b *bound) got(now time.Time, n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 {
		b.progress = now
	}
	switch err {
	case nil:
		b.waited += now.Sub(b.asked)
		b.asked = time.Time{}
	case io.EOF:
		b.uploads = false
	}
}

// upload is when the request's body last made progress, or begun if it hasn't
// since. It runs on where the body has not come to its end; asking says whether its
// client is, or was at last, waited for.
func (b *bound) upload(begun time.Time) (moved time.Time, runs, asking bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return later(begun, b.progress), b.uploads, b.uploads && !b.asked.IsZero()
}

// answer ends the wait for the answer's header, at now. An answer that is
// meant to last is free of the deadline too, and a stream at once; another
// becomes one by lasting.
func (b *bound) answer(now time.Time, lasting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = true
	switch {
	case lasting:
		b.deadline = time.Time{}
		b.stream(now)
		b.set(now)
	case b.permit.held():
		b.streams = now.Add(streamAfter)
		b.arm(b.streams, now)
	}
}

// fill says, at now, that the answer's body is for the cache: no silence in it may
// be longer than one before its header. What comes of it is told by
// enqueued, while it is taken, and dequeued.
func (b *bound) fill(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fills, b.progress = true, now
	b.set(now)
}

// end ends the watch: from here on check does nothing. The timer is left to ring
// where that is soon, as the exchange that follows in the same memory, if one
// does, needs it again.
func (b *bound) end(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.armed && b.rings.Sub(now) > streamAfter {
		b.disarm()
	}
}

// let stops the timer of a watch that has ended and that no other follows: it
// keeps the exchange in memory.
func (b *bound) let() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.disarm()
}

// disarm stops the timer. The lock must be held.
func (b *bound) disarm() {
	if b.armed {
		b.timer.Stop()
		b.armed = false
	}
}

// renew makes it as new, but for the timer, which may be ringing.
func (b *bound) renew() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watch = watch{}
}
