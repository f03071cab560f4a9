package proxy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/latency"

	"github.com/levee-proxy/levee/limiter"
)

// rampFloor is the share of its traffic with which an endpoint begins its ramp.
const rampFloor = 0.1

// endpoint is one address of an upstream, with its connections and what was
// learned about it.
type endpoint struct {
	up      *Upstream
	target  *connections.Target
	address string // ip:port, localhost:port, or a socket's path
	pool    *connections.Pool
	limiter *limiter.Limiter // nil: nothing is limited here

	latency  latency.Peak
	inflight atomic.Int64
	// refreshes are those of inflight that nobody waits for: what is cached is
	// being made fresh.
	refreshes atomic.Int64
	waiting   atomic.Int64 // for a permit
	streams   atomic.Int64 // long-lived, and no longer inflight for the limiter
	attempts  atomic.Uint64
	failures  atomic.Uint64
	streak    atomic.Int64 // failures in a row
	wasted    atomic.Int64 // answers in a row that were of no use
	// streamsShed counts requests that were refused for too many streams.
	streamsShed atomic.Uint64

	ticker ticker

	lastDial atomic.Pointer[connections.DialError]

	out      atomic.Bool  // ejected or unhealthy: read by the balancer
	rampFrom atomic.Int64 // when the ramp began, as clock.Since; 0: none

	mu        sync.Mutex // guards what follows
	unhealthy bool
	ejected   bool
	ejections int // in a row; sets how long the next one lasts
	returned  time.Time
	since     time.Time
	reason    string
	lastError string
	failing   time.Time   // when the failures in a row began
	wasting   time.Time   // when the answers of no use in a row began
	wastes    string      // the latest of them
	timer     *time.Timer // of the running ejection
	until     time.Time   // when that ends
	stop      context.CancelFunc
}

// share is the part of its usual traffic that the endpoint takes at now, from
// rampFloor to 1.
func (e *endpoint) share(now time.Time) float64 {
	from := e.rampFrom.Load()
	if from == 0 {
		return 1
	}
	ramp := time.Duration(e.up.cfg.Ejection.Ramp)
	done := clock.Since(now) - time.Duration(from)
	if done >= ramp {
		e.rampFrom.CompareAndSwap(from, 0)
		return 1
	}
	return rampFloor + (1-rampFloor)*max(0, float64(done)/float64(ramp))
}

// startRamp begins a ramp at now, where the configuration has one.
func (e *endpoint) startRamp(now time.Time) {
	if e.up.cfg.Ejection.Ramp > 0 {
		e.rampFrom.Store(int64(clock.Since(now)))
	}
}

// send makes the one attempt for a request. A connection that turns out dead
// before any byte of the request was written on it is no attempt: another one
// is used.
func (e *endpoint) send(req *http.Request, a *attempt) (*http.Response, error) {
	for tries := 0; ; tries++ {
		c, reused, err := e.pool.Get(a.ctx, a.h1only)
		if err != nil {
			a.unsent = true
			return nil, err
		}
		before := c.Written()
		a.wroteHeader.Store(false)
		resp, err := a.sendOver(c, req)
		if err == nil {
			a.conn = c
			return resp, nil
		}
		c.Release(false, time.Time{})
		if err == client.ErrStale { // it ended while nobody used it: however many did, they are no tries
			tries--
			continue
		}
		untouched := c.Written() == before
		if c.H2 {
			untouched = !a.wroteHeader.Load()
		}
		refused := false
		if c.H2 {
			err, refused = connections.AsRefused(err)
		}
		// When a request is given up on, an HTTP/2 connection may write it still.
		if _, ok := errors.AsType[*client.Unsendable](err); ok {
			a.unsent = true
			return nil, err // on no other connection either
		}
		a.unsent = refused || untouched && (!c.H2 || context.Cause(a.ctx) == nil)
		if !reused || !untouched || a.bodyTouched() || context.Cause(a.ctx) != nil || tries >= maxStaleConns {
			return nil, err
		}
	}
}

// maxStaleConns bounds the search for a live connection among the kept ones.
const maxStaleConns = 16

// answered notes the latency of a useful answer, until its header.
func (e *endpoint) answered(now time.Time, latency time.Duration) {
	e.latency.Observe(now, latency)
	if e.wasted.Load() != 0 {
		e.wasted.Store(0)
	}
}

// completed notes an answer that came to its end, and so the end of any
// failures in a row.
func (e *endpoint) completed() {
	if e.streak.Load() != 0 {
		e.streak.Store(0)
	}
}

// first says whether a failure is seen for the first time: many requests may
// have waited for one connection, which counts once.
func (e *endpoint) first(err error) bool {
	d, ok := errors.AsType[*connections.DialError](err)
	return !ok || e.lastDial.Swap(d) != d
}

// A failure counts as latency, or a quick failure would look like a quick
// answer: an endpoint that refuses would win every comparison and draw all the
// traffic. The first one counts little, since any endpoint fails now and then;
// each further one in a row four times as much.
const (
	failurePenalty = time.Second // at most
	failureGrowth  = 4
	failureLeast   = 1e-3 // seconds that an endpoint's latency counts as here, at least
)

// penalize notes a failure's latency, that of so many in a row.
func (e *endpoint) penalize(now time.Time, latency time.Duration, streak int64) {
	penalty := max(e.latency.Get(now), failureLeast) * math.Pow(failureGrowth, float64(min(streak, 8)))
	e.latency.Observe(now, max(latency, min(failurePenalty, time.Duration(penalty*float64(time.Second)))))
}

// useless notes an answer that the endpoint gives when it can't do what it is
// asked: a refusal or an error. It is no failure, as something is alive there,
// but most such answers are quick, and an endpoint that gives no others would
// draw all the traffic. What answers so now and then loses nothing by it: it is
// from the second in a row on that they count like failures.
func (e *endpoint) useless(now time.Time, latency time.Duration, status string) {
	streak := e.wasted.Add(1)
	e.penalize(now, latency, streak-1)
	if streak <= wastedLeast {
		e.mu.Lock()
		if streak == 1 {
			e.wasting = now
		}
		e.wastes = status
		e.mu.Unlock()
	}
}

// wastedLeast and wastedFor are how many answers of no use there must be in a
// row, and for how long, until people are told.
const (
	wastedLeast = 3
	wastedFor   = time.Second
)

// failed notes a failure that the endpoint is to blame for.
func (e *endpoint) failed(now time.Time, latency time.Duration, why string) {
	e.failures.Add(1)
	streak := e.streak.Add(1)
	e.penalize(now, latency, streak)
	e.mu.Lock()
	e.lastError = why
	if streak == 1 {
		e.failing = now
	}
	e.mu.Unlock()
	if n := e.up.cfg.Ejection.ConsecutiveFailures; n > 0 && streak >= int64(n) {
		e.up.eject(e, now, why)
	}
}

// status takes a snapshot for people.
func (e *endpoint) status(now time.Time) EndpointStatus {
	e.mu.Lock()
	s := EndpointStatus{
		URL: e.target.URL, Address: e.address, Since: e.since, Reason: e.reason, LastError: e.lastError,
		State: StateReady,
	}
	switch {
	case e.unhealthy:
		s.State = StateUnhealthy
	case e.ejected:
		s.State = StateEjected
	case e.share(now) < 1:
		s.State = StateRamping
	}
	since, wasting, wastes := e.failing, e.wasting, e.wastes
	e.mu.Unlock()
	s.Admission = e.admission(now)
	s.Inflight = e.inflight.Load()
	s.Latency = e.latency.Get(now)
	s.Connections = e.pool.Count()
	s.Attempts, s.Failures, s.FailuresInARow = e.attempts.Load(), e.failures.Load(), e.streak.Load()
	if n := int64(e.up.cfg.Ejection.ConsecutiveFailures); n > 0 && s.State == StateReady && s.FailuresInARow >= n {
		s.State, s.Since = StateFailing, since
		s.Reason = fmt.Sprintf("%d failures in a row, and still in use, as at most %d%% of the endpoints may be ejected", s.FailuresInARow, e.up.cfg.Ejection.MaxPercent)
	}
	if n := e.wasted.Load(); n >= wastedLeast && s.State == StateReady && now.Sub(wasting) >= wastedFor {
		s.State, s.Since = StateFailing, wasting
		s.Reason = fmt.Sprintf("%d answers in a row were of no use, %s or the like; it is still in use, as it answers", n, wastes)
	}
	return s
}

// retire ends the endpoint's checks and lets its connections run out.
func (e *endpoint) retire() {
	if e.stop != nil {
		e.stop()
	}
	e.mu.Lock()
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	e.pool.Retire()
}
