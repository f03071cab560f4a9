package proxy

import (
	"net/http"
	"sync"
	"time"
)

// tryTime ends an attempt whose answer doesn't begin in the time for one. It
// counts from when the request's body made progress last: what a slow client
// takes is not the endpoint's.
type tryTime struct {
	x     *exchange
	a     *attempt
	limit time.Duration

	mu    sync.Mutex
	timer *time.Timer
	ended bool // the answer has begun, or the attempt has failed
	over  bool // the attempt was ended from here
}

// roundTripWithin is roundTrip within the upstream's time for one attempt, if
// there is such a limit.
func (x *exchange) roundTripWithin(a *attempt, out *http.Request) {
	limit := x.route.upstream.retries.perTry
	if limit <= 0 {
		a.roundTrip(out)
		return
	}
	t := &tryTime{x: x, a: a, limit: limit}
	t.mu.Lock()
	t.timer = time.AfterFunc(limit, t.check)
	t.mu.Unlock()
	a.roundTrip(out)
	if t.end() && a.err == nil { // it came as it was being ended
		a.resp.Body.Close()
		a.conn.Release(false, time.Time{})
		a.resp, a.err = nil, errTryDeadline
	}
}

func (t *tryTime) check() {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	moved, _, asking := t.x.bound.upload(t.a.begun)
	left := moved.Add(t.limit).Sub(now)
	if asking {
		left = t.limit
	}
	if left > 0 {
		t.timer.Reset(left)
		return
	}
	t.over = true
	t.a.life.Cancel(errTryDeadline)
}

// end stops the clock, and reports whether it has ended the attempt.
func (t *tryTime) end() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.timer.Stop()
	return t.over
}
