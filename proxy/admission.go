package proxy

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// newLimiter makes the limiter of one endpoint, or nil where there is none.
// What another one of the same service has learned may be handed on.
func newLimiter(cfg *config.Concurrency, learned *limiter.State, now time.Time) *limiter.Limiter {
	c := limiter.Config{
		Min: float64(cfg.Min), Max: float64(cfg.Max), Initial: float64(cfg.Initial),
		QueueBytes: int(cfg.Queue.Bytes), State: learned,
	}
	switch cfg.Mode {
	case config.ModeOff:
		return nil
	case config.ModeFixed:
		c.Fixed = float64(cfg.Limit)
	}
	most, auto := cfg.Queue.Most()
	switch {
	case auto: // as many as the limit
	case most == 0:
		c.Queue = -1
	default:
		c.Queue = most
	}
	return limiter.New(c, now)
}

// enter finds the request an endpoint and a place there, and waits for it where
// it has to. A request that can't have one is refused before anything was built
// for it: in a storm that is what most requests cost.
//
// When it returns neither a refusal nor a failure, somebody waits for the
// answer, and there is time to give it.
func (x *exchange) enter() (*refusal, *failure) {
	x.classify()
	u := x.route.upstream
	if !u.isResolved() {
		x.limit()
		u.await(x.ctx)
	}
	now := time.Now()
	e := u.pick(now)
	if left, has := x.left(now); has && left <= 0 {
		return nil, x.explainCause(errDeadline)
	}
	if e == nil {
		return nil, x.explain(errNoAddress)
	}
	x.endpoint, x.record.Endpoint = e, e.address
	if x.overBudget(now) {
		if x.fetch != nil && !x.fetch.waits(now) {
			return x.fetch.spared(), nil
		}
		return x.refuseRetry(now), nil
	}
	if x.fetch != nil && x.fetch.background && !x.fetch.pay(now) {
		return x.fetch.spared(), nil
	}
	if e.limiter == nil {
		x.entered = now
		x.limit()
		return nil, nil
	}
	if x.wantsStream() && e.streamsFull() {
		e.streamsShed.Add(1)
		return x.refusal(streamsFull, now), nil
	}
	x.describe(&x.permit.waiter)
	if x.fetch != nil && !x.fetch.waits(now) {
		if refused := x.fetch.place(e, now); refused != nil {
			return refused, nil
		}
		x.limit()
		return x.stillWanted(now)
	}
	switch x.permit.acquire(now, e) {
	case limiter.Shed:
		return x.refusal(x.permit.waiter.Reason, now), nil
	case limiter.Queued:
		x.bound.enqueued()
		x.limit()
		if x.fetch != nil {
			x.fetch.fill.Idle(now)
		}
		v, heard := x.permit.wait(x.ctx)
		now = time.Now()
		if x.fetch != nil {
			x.fetch.fill.Busy(now)
		}
		if heard && v == limiter.Shed {
			return x.refusal(x.permit.waiter.Reason, now), nil
		}
		x.bound.dequeued(now)
		if heard && x.fetch == nil && x.conn.hungUp(x.r) {
			x.cancel(context.Canceled)
		}
	default:
		x.limit()
	}
	return x.stillWanted(now)
}

// classify finds out what the request says of itself, as far as its peer is
// believed, and whether it is a retry.
func (x *exchange) classify() {
	trusted := x.conn.trusted(x.gen)
	x.setDeadline(trusted)
	x.setPriority(trusted)
	x.record.Upstream = x.route.upstream.cfg.Name
	x.class = int(x.route.class)
	if x.grpc {
		x.class = x.route.upstream.classes.Number(x.r.URL.Path)
	}
	if x.fetch == nil || !x.fetch.background { // a refresh is nobody's, and takes nobody's share
		x.clientHash = x.gen.identity.Hash(x.r, x.client)
	}
	x.arrive(x.start)
}

// refuseRetry refuses a retry that is over the budget. Its endpoint's limiter
// counts it with what it refuses itself.
func (x *exchange) refuseRetry(now time.Time) *refusal {
	if l := x.endpoint.limiter; l != nil {
		x.describe(&x.permit.waiter)
		l.Refused(now, &x.permit.waiter, limiter.RetryBudget)
	}
	return x.refusal(limiter.RetryBudget, now)
}

// stillWanted looks whether somebody waits for an answer that can still be
// given. If not, the permit goes back unused.
func (x *exchange) stillWanted(now time.Time) (*refusal, *failure) {
	x.entered = now
	cause := context.Cause(x.ctx)
	left, has := x.left(now)
	switch {
	case cause == errDeadline || cause == nil && has && left <= 0:
		x.permit.end(now)
		return x.refusal(limiter.Deadline, now), nil
	case cause != nil:
		x.permit.end(now)
		return nil, x.explainCause(cause)
	}
	return nil, nil
}

// describe tells the limiter what it needs to know of the request.
func (x *exchange) describe(w *limiter.Waiter) {
	w.Class, w.Priority, w.Attempt, w.Client = x.class, x.priority, x.attempt, x.clientHash
	w.Deadline, w.Leaves = x.deadline, x.patience()
	w.Size = waitingSize + x.headerSize
}

// waitingSize is about what a waiting request holds beside its header: its
// goroutine's stack, the server's buffers and the exchange.
const waitingSize = 16 << 10

// wantsStream says whether a request is known to become a stream.
func (x *exchange) wantsStream() bool {
	if x.upgrade {
		return true
	}
	accept := x.r.Header["Accept"]
	return len(accept) == 1 && strings.EqualFold(accept[0], "text/event-stream")
}

// dispatched notes that the request is on its way to the service.
func (x *exchange) dispatched(a *attempt) {
	x.exposed++
	a.permit.settle(limiter.Ignored, 0)
	if x.run != nil {
		x.run.sent(a.endpoint.address)
	}
}

// noLatency is the least that the limiter takes for one. Of a request that ends
// without an answer it says nothing at all.
const noLatency = 1

// broke ends the permit of an attempt that brought no answer. As in answered,
// the client's own time is none of the service's. It returns how long the service
// was silent until nobody waited for it any more; 0: it wasn't, or it is to blame.
func (x *exchange) broke(a *attempt, now time.Time) (silent time.Duration) {
	f := a.failure
	moved, _, asking := x.bound.upload(a.begun)
	o, latency := limiter.Ignored, max(now.Sub(moved), noLatency)
	if asking { // the service waited for the client, and has not been at work
		latency = noLatency
	}
	switch {
	case f.kind == errConnectionLimit: // our own want of descriptors
		o = limiter.Unused
	case f.cut, f.kind == errResponseTimeout:
		o = limiter.Late
		if !f.blame {
			silent = latency
		}
	case f.blame:
		o = limiter.Dropped
	case asking:
		o = limiter.Unused
	}
	a.permit.settle(o, latency)
	a.permit.end(now)
	return silent
}

// answered notes what the answer's header, which has come at now, says of the
// service. A client that sent its body slowly is not the service's slowness:
// the latency counts from the last of it. An answer that came before that says
// nothing about latency. It returns what the answer comes to.
func (x *exchange) answered(a *attempt, now time.Time) limiter.Outcome {
	resp := a.resp
	o := outcomeOf(resp, x.grpc)
	moved, uploading, _ := x.bound.upload(a.begun)
	settled := o
	if uploading && o == limiter.Success {
		settled = limiter.Ignored
	}
	a.permit.settle(settled, max(now.Sub(moved), noLatency))
	if x.grpc && settled == limiter.Success && resp.StatusCode == http.StatusOK && isGRPC(resp.Header) && !unimplemented(resp.Header) {
		x.route.upstream.classes.Add(x.r.URL.Path)
	}
	return o
}

// outcomeOf reads the service's state off an answer's header.
func outcomeOf(resp *http.Response, grpc bool) limiter.Outcome {
	switch code := resp.StatusCode; {
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return limiter.Dropped
	case code == http.StatusTooManyRequests:
		return refusedBy(resp.Header)
	case code >= 500:
		return limiter.Ignored
	}
	if !grpc {
		return limiter.Success
	}
	status := resp.Header["Grpc-Status"]
	if len(status) != 1 {
		return limiter.Success
	}
	switch status[0] { // an answer of trailers alone
	case "14": // UNAVAILABLE
		return limiter.Dropped
	case "8": // RESOURCE_EXHAUSTED
		return refusedBy(resp.Header)
	case "4": // DEADLINE_EXCEEDED
		return limiter.Late
	case "2", "13", "15": // UNKNOWN, INTERNAL, DATA_LOSS
		return limiter.Ignored
	}
	return limiter.Success
}

// refusedBy tells a rate cap, which says nothing about the service's load,
// from another Levee's refusal, which does.
func refusedBy(h http.Header) limiter.Outcome {
	if h[signals.ShedHeader] != nil {
		return limiter.Dropped
	}
	return limiter.Ignored
}

func unimplemented(h http.Header) bool {
	v := h["Grpc-Status"]
	return len(v) == 1 && v[0] == "12"
}

// streamAfter is how long an answer may run on after its header before it
// counts as a stream.
const streamAfter = time.Second

// takeStream counts one stream more, if there may be one.
func (e *endpoint) takeStream() bool {
	if e.streams.Add(1) > int64(e.up.cfg.Concurrency.Streams) {
		e.streams.Add(-1)
		return false
	}
	return true
}

func (e *endpoint) streamsFull() bool {
	return e.streams.Load() >= int64(e.up.cfg.Concurrency.Streams)
}

// hasRoom says whether a request would be admitted at once.
func (e *endpoint) hasRoom(now time.Time) bool { return e.limiter == nil || e.limiter.Free(now) > 0 }

// ticker lets time pass for a limiter: one timer, which runs only while
// something waits.
type ticker struct {
	mu    sync.Mutex
	timer *time.Timer
	runs  bool
}

// tickEvery is the time until the first tick; the limiter says when it wants more.
const tickEvery = 10 * time.Millisecond

// letTimePass starts the ticks, if they don't run.
func (e *endpoint) letTimePass() {
	t := &e.ticker
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.runs:
	case t.timer == nil:
		t.runs, t.timer = true, time.AfterFunc(tickEvery, e.tick)
	default:
		t.runs = true
		t.timer.Reset(tickEvery)
	}
}

func (e *endpoint) tick() {
	t := &e.ticker
	t.mu.Lock() // so that nobody is queued between the last tick and its end unseen
	defer t.mu.Unlock()
	now := time.Now()
	next := e.limiter.Tick(now)
	if next.IsZero() {
		t.runs = false
		return
	}
	t.timer.Reset(next.Sub(now))
}
