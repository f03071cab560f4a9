package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// permit is a request's place at an endpoint: it waits for one, holds one, or
// has become a stream, which is counted apart. Whatever becomes of the request,
// the place is given back exactly once, by end.
//
// The request's own goroutine moves it along; the timer that makes a stream of
// it may come in between, so there is a lock.
type permit struct {
	mu      sync.Mutex
	e       *endpoint
	place   place
	outcome limiter.Outcome // what the limiter will be told
	box     *mailbox        // while it waits
	spare   *mailbox        // for when it does; nil: one is taken then
	waiter  limiter.Waiter
}

type place uint8

const (
	placeNone place = iota
	placeQueue
	placeInflight
	placeStream
)

// mailbox is where a waiting request hears of its verdict.
type mailbox struct {
	home    *mailboxes
	verdict chan limiter.Verdict // holds one: whoever decides never waits
	notify  func(*limiter.Waiter, limiter.Verdict)
}

// mailboxes are used again and again, within one upstream: channels made in a
// test's virtual time must stay in it.
type mailboxes struct{ pool sync.Pool }

func (m *mailboxes) take() *mailbox {
	if box, ok := m.pool.Get().(*mailbox); ok {
		return box
	}
	box := &mailbox{home: m, verdict: make(chan limiter.Verdict, 1)}
	box.notify = func(_ *limiter.Waiter, v limiter.Verdict) { box.verdict <- v }
	return box
}

func (m *mailboxes) put(box *mailbox) { m.pool.Put(box) }

// acquire asks the endpoint's limiter for a permit. The waiter's other fields
// must be set.
func (p *permit) acquire(now time.Time, e *endpoint) limiter.Verdict {
	box := p.spare
	if box == nil {
		box = e.up.mailboxes.take()
	}
	p.e, p.waiter.Notify = e, box.notify
	v := e.limiter.Acquire(now, &p.waiter)
	if v == limiter.Queued {
		p.place, p.box, p.spare = placeQueue, box, nil
		e.waiting.Add(1)
		e.letTimePass()
		return v
	}
	p.spare = box
	if v == limiter.Admitted {
		p.place, p.outcome = placeInflight, limiter.Unused
	}
	return v
}

// forget gives back what was kept for another wait.
func (p *permit) forget() {
	if p.spare != nil {
		p.spare.home.put(p.spare)
		p.spare = nil
	}
}

// try takes a permit at the endpoint if one is free. The permit must be a new
// one, and the waiter's other fields set.
func (p *permit) try(now time.Time, e *endpoint) bool {
	p.e = e
	if !e.limiter.Try(now, &p.waiter) {
		return false
	}
	p.place, p.outcome = placeInflight, limiter.Unused
	return true
}

// wait waits in the queue until there is a verdict. Not heard: ctx ended first,
// and the request waits no longer.
func (p *permit) wait(ctx context.Context) (v limiter.Verdict, heard bool) {
	select {
	case v := <-p.box.verdict:
		p.hear(v)
		return v, true
	case <-ctx.Done():
		p.leave()
		return 0, false
	}
}

// leave gives up waiting. The limiter may just have decided: then what it has
// given is held until end.
func (p *permit) leave() {
	if !p.e.limiter.Cancel(time.Now(), &p.waiter) {
		p.hear(<-p.box.verdict)
		return
	}
	p.hear(limiter.Shed)
}

// hear ends the wait. Nobody writes to the mailbox any more.
func (p *permit) hear(v limiter.Verdict) {
	p.e.waiting.Add(-1)
	p.box.home.put(p.box)
	p.box = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place = placeNone
	if v == limiter.Admitted {
		p.place, p.outcome = placeInflight, limiter.Unused
	}
}

// settle notes what the limiter will be told. A latency of 0: the time until
// the end.
func (p *permit) settle(o limiter.Outcome, latency time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outcome, p.waiter.Latency = o, latency
}

// held says whether the request holds a permit.
func (p *permit) held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.place == placeInflight
}

// last makes a stream of a request whose answer goes on and on: the service
// has done what it was asked, and its limit is about work. It reports whether
// it need not be asked again: when there are too many streams, the permit
// stays held, since cutting an answer would be worse.
func (p *permit) last(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.place != placeInflight {
		return true
	}
	if !p.e.takeStream() {
		return false
	}
	p.place = placeStream
	p.e.limiter.End(now, &p.waiter, p.outcome)
	return true
}

// yield is last for a request whose client still sends it, at an endpoint that
// has no permit for others. Nothing was learned of the service.
func (p *permit) yield(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.place != placeInflight {
		return true
	}
	if p.e.hasRoom(now) || !p.e.takeStream() {
		return false
	}
	p.place = placeStream
	p.e.limiter.End(now, &p.waiter, limiter.Unused)
	return true
}

// end gives back whatever is held, at now; zero: at present, which is looked up
// only if something is. Once more does no harm.
func (p *permit) end(now time.Time) {
	if p.box != nil {
		p.leave() // a panic came between
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.place
	p.place = placeNone
	switch held {
	case placeInflight:
		if now.IsZero() {
			now = time.Now()
		}
		p.e.limiter.End(now, &p.waiter, p.outcome)
	case placeStream:
		p.e.streams.Add(-1)
	}
}
