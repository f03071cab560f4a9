package proxy

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/levee-proxy/levee/internal/idempotency"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// guardedRun is a keyed request on its way to the upstream and back, apart from
// the client's exchange: once it was sent it goes on without its client, whose
// next attempt then finds the answer. Until then it ends with its client.
type guardedRun struct {
	p      *Proxy
	x      *exchange // its own, with the client's facts and without its context
	client *exchange // its client's, which may be over
	key    idempotency.Key
	ticket idempotency.Ticket
	rec    *recorder
	done   chan struct{}
	free   func()

	// What became of it, once done is closed: the first that isn't nil.
	refused *refusal
	failure *failure
	answer  *idempotency.Answer

	mu         sync.Mutex
	dispatched bool
	settled    bool
	endpoint   string // that it was sent to
	left       bool   // the client waits no longer
	doubtful   bool   // it may have been carried out, and nobody knows
	streaming  bool   // the client is being written to
	over       bool
}

// newRun begins a run for the client's exchange, and takes its body over.
func (p *Proxy) newRun(w *beginning, x *exchange, key idempotency.Key, ticket idempotency.Ticket, body *heldBody) *guardedRun {
	r := &guardedRun{p: p, client: x, key: key, ticket: ticket, done: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(x.r.Context()))
	r.x = x.detached(x.r.WithContext(ctx))
	r.x.held, r.x.record, r.x.run = body, x.record, r
	body.put(r.x)
	r.rec = &recorder{run: r, w: w, header: http.Header{}, limit: int(x.route.cfg.Idempotency.AnswerLimit), closing: x.closing}
	r.x.setDeadline(x.conn.trusted(x.gen))
	r.x.limit()
	unstop := context.AfterFunc(p.base, func() { cancel(errStopped) })
	r.free = func() {
		unstop()
		cancel(nil)
	}
	return r
}

// carry takes the request to the upstream, and stores what comes back.
func (r *guardedRun) carry() {
	defer r.end()
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler { // the answer broke off
			r.failure = &failure{answer: answer{status: http.StatusBadGateway, kind: errResponseIncoming, details: "the upstream's answer broke off"}}
		} else {
			r.p.panicked(v, r.x)
			r.failure = &failure{answer: answer{status: http.StatusInternalServerError, kind: errInternal, details: "the proxy failed on this request"}}
		}
		r.giveUp()
	}()
	refused, f := r.x.enter()
	if refused == nil && f == nil {
		f = r.p.forward(&beginning{ResponseWriter: r.rec}, r.x)
	}
	if refused != nil || f != nil {
		if f != nil {
			r.x.account.settle(f.outcome())
		}
		r.refused, r.failure = refused, f
		r.giveUp()
		return
	}
	r.finish(r.rec.answer())
}

// giveUp ends a run that got no answer: its key is free where the upstream
// can't have got the request, and in doubt otherwise.
func (r *guardedRun) giveUp() {
	if r.settles() {
		if r.x.exposed == 0 {
			r.store().Release(r.key, r.ticket)
		} else {
			r.store().Doubt(time.Now(), r.key, r.ticket)
			r.mu.Lock()
			r.doubtful = true
			r.mu.Unlock()
		}
	}
}

// finish stores an answer, unless it says that the request wasn't carried out.
func (r *guardedRun) finish(a *idempotency.Answer) {
	r.answer = a
	if !r.settles() {
		return
	}
	if r.x.exposed == 1 && r.notCarriedOut(a) {
		r.store().Release(r.key, r.ticket)
		return
	}
	// An answer that can't be stored is told all the same: the request was
	// carried out, its key stays taken, and a client that heard of a failure
	// would be led to do it again under another key.
	if err := r.store().Finish(context.Background(), time.Now(), r.key, r.ticket, a); err != nil {
		r.p.o.guard.count(r.x, resultStoreFailed)
	}
}

// notCarriedOut says whether an answer is no answer to the request: the
// service, or a Levee in front of it, had not begun to carry it out. Any
// other, a failure too, may have come after it had done something.
func (r *guardedRun) notCarriedOut(a *idempotency.Answer) bool {
	if r.x.grpc && a.Status == http.StatusOK { // a Levee refuses those by trailers alone
		refused := a.Header["Grpc-Status"]
		return len(a.Header[signals.ShedHeader]) > 0 && len(refused) == 1 && (refused[0] == "14" || refused[0] == "8") // UNAVAILABLE, RESOURCE_EXHAUSTED
	}
	switch a.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		return len(a.Header[signals.ShedHeader]) > 0
	}
	return false
}

func (r *guardedRun) store() *idempotency.Local { return r.p.o.guard.opened() }

// settles says whether the claim has not been ended yet, and notes that it is.
func (r *guardedRun) settles() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.settled
	r.settled = true
	return first
}

func (r *guardedRun) streams() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streaming
}

// end gives back what the run holds.
func (r *guardedRun) end() {
	r.x.finish()
	r.free()
	r.mu.Lock()
	r.over = true
	left, doubtful := r.left, r.doubtful
	r.mu.Unlock()
	if left {
		r.p.inflight.Add(-1)
		r.log(doubtful)
	}
	close(r.done)
}

// log says what became of a run whose client had left: its line in the access
// log was written then.
func (r *guardedRun) log(doubtful bool) {
	l := r.p.o.Logger.With("route", r.x.route.cfg.Name, "upstream", r.x.record.Upstream, "endpoint", r.x.record.Endpoint, "request_id", r.x.requestID)
	switch {
	case doubtful:
		l.Warn("a keyed request whose client had left is in doubt: it may have been carried out", "key_reference", r.key.String())
	case r.answer != nil:
		l.Debug("a keyed request was answered after its client had left", "status", r.answer.Status)
	default:
		l.Debug("a keyed request whose client had left wasn't sent")
	}
}

// note tells the client's record where the request went, and how an operator
// names its key if it may have been carried out. It may be called at any time.
func (r *guardedRun) note(rec *telemetry.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dispatched {
		rec.Upstream, rec.Endpoint = r.x.route.upstream.cfg.Name, r.endpoint
	}
	if r.doubtful || (r.left && r.dispatched) {
		rec.KeyReference = r.key.String()
	}
}

// sent is called when the request is on its way to an endpoint. From then on
// only the route's own timeout bounds it.
func (r *guardedRun) sent(endpoint string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return
	}
	r.dispatched, r.endpoint = true, endpoint
	r.x.deadline = time.Time{}
	if total := time.Duration(r.x.route.cfg.Timeout); total > 0 {
		r.x.deadline = r.x.start.Add(total)
	}
	r.x.bound.extend(r.x.deadline, time.Now())
}

// patience is how long a run without a client may take, where the route sets
// no bound.
const patience = time.Minute

// leave is called when the client waits no longer. It returns false if its
// answer has begun to be streamed: that ends with it, as nobody else gets it.
func (r *guardedRun) leave(why error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.streaming:
		r.x.cancel(why)
		return false
	case r.over:
		return true
	}
	r.left = true
	r.p.inflight.Add(1) // the client's exchange ends, and a drain waits for this
	if !r.dispatched {
		r.x.cancel(why)
		return true
	}
	if r.x.route.cfg.Timeout == 0 {
		wait := patience
		if silence := time.Duration(r.x.route.cfg.ResponseTimeout); silence > 0 {
			wait = silence
		}
		now := time.Now()
		r.x.bound.extend(now.Add(wait), now)
	}
	return true
}
