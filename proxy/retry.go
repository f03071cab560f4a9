package proxy

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/replay"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// giveUp is why a retry that would have been worth it was not made.
type giveUp uint8

const (
	notGivenUp        giveUp = iota
	givenUpMethod            // the endpoint may have processed it, and its method isn't safe
	givenUpBody              // more of its body was sent than is kept
	givenUpChain             // it is a retry itself
	givenUpAttempts          // as many were made as may be
	givenUpRefused           // the answer says not to
	givenUpDeadline          // there is no time
	givenUpBudget            // none is left
	givenUpNoEndpoint        // no endpoint is there, or none that hasn't refused
	givenUpLimit             // the other endpoint has no room
	givenUpEnded             // the exchange ended while it was waited for: the client left, or Levee stops
	giveUps
)

// giveUpNames are the reasons as metrics have them.
var giveUpNames = [giveUps]string{
	"none", "method", "body_too_large", "chain", "attempts", "refused_by_upstream", "deadline", "budget", "no_endpoint", "limit", "ended",
}

// retrying is what an exchange knows of its attempts, where it may make several.
//
// The order of things is what keeps retries from doing harm: a retry is decided
// on, then paid for out of the budget, then waited for, and then it needs a
// permit of its own like any request, without ever queueing for it. The attempt
// before holds nothing meanwhile.
type retrying struct {
	x      *exchange
	policy *retryPolicy
	once   bool         // a refresh: what failed is tried again when it is asked for again
	body   *replay.Body // nil: the request has none
	first  int          // the number of the first attempt

	flew    bool            // an attempt was made on a goroutine of its own
	retries int             // made so far
	pauses  backoff.BackOff // nil before the first retry
	failed  []*endpoint     // that have had their attempt
	refused []*endpoint     // that spare themselves: they are not asked again
	kept    *attempt        // whose answer the client gets if nothing better comes

	mine  []*attempt     // all of them
	room  [2]*attempt    // for mine
	loose sync.WaitGroup // attempts that have lost, and still end
}

// newRetrying is nil where the upstream's requests are sent once.
func (x *exchange) newRetrying() *retrying {
	p := x.route.upstream.retries
	if p == nil {
		return nil
	}
	r := &x.again
	r.x, r.policy, r.first, r.once = x, p, signals.AttemptNumber(x.r.Header), x.fetch != nil && x.fetch.background
	r.mine = r.room[:0]
	if x.body.src != nil {
		r.body = replay.New(&x.body, x.r.ContentLength, p.bodyLimit)
	}
	return r
}

// passAttempt tells the upstream that this is a retry and which attempt, in
// Envoy's dialect and in gRPC's, as Levees behind this one understand. The first
// attempt says what its client said: to call a request a first attempt of which
// nobody knows that would hide its client's retries.
func (o *ownFields) passAttempt(x *exchange, a *attempt) {
	if x.retrying == nil || a.number == x.retrying.first {
		return
	}
	o.set(signals.EnvoyAttemptHeader, strconv.Itoa(a.number))
	if x.grpc {
		o.set(signals.GRPCAttemptHeader, strconv.Itoa(a.number-1))
	}
}

// enlist numbers an attempt and gives it a context of its own.
func (r *retrying) enlist(a *attempt) *attempt {
	a.number = r.first + len(r.mine)
	a.h1only = r.x.upgrade
	a.life.Follow(r.x.ctx)
	a.ctx = &a.life
	r.mine = append(r.mine, a)
	r.x.bound.holds(a.permit)
	return a
}

// persist sends the request until there is an answer that is worth passing on,
// or nothing more may be tried. What it returns is what the client gets: the
// latest answer, if there was any, as Levee's own words would say less.
func (p *Proxy) persist(w *beginning, x *exchange, a *attempt) *attempt {
	r := x.retrying
	a = p.firstly(w, x, r.enlist(a))
	for {
		c := r.conditionOf(a)
		r.came(a, c)
		if c == noCondition || !r.policy.on[c] || r.policy.attempts == 0 || r.once {
			break
		}
		next, why := r.again(a, c)
		if next == nil {
			r.policy.stats.gaveUp(time.Now(), why)
			break
		}
		r.retries++
		p.o.Logger.Debug("retry", "upstream", x.record.Upstream, "after", conditionNames[c], "failed", a.endpoint.address, "endpoint", next.endpoint.address, "request_id", x.requestID)
		a = next
		x.roundTripWithin(a, x.begin(w, a))
		x.judge(a)
	}
	a = r.answerOf(a)
	if a.replay != nil {
		a.replay.Last()
	}
	return a
}

// conditionOf says whether a retry might better what came of an attempt.
func (r *retrying) conditionOf(a *attempt) condition {
	if a.failure == nil {
		c := onStatus(a.resp.StatusCode)
		status := a.resp.Header["Grpc-Status"]
		if c == noCondition && r.x.grpc && len(status) == 1 { // trailers alone: nothing was processed that the client would hear of
			switch status[0] {
			case "14": // UNAVAILABLE
				return on503
			case "8": // RESOURCE_EXHAUSTED
				return on429
			}
		}
		return c
	}
	f := a.failure
	switch {
	case context.Cause(a.ctx) == errTryDeadline:
		return onTryTimeout
	case f.cut, context.Cause(a.ctx) != nil, f.kind == errRequest, f.kind == errConnectionLimit, f.kind == errUpgrade, errors.Is(a.err, replay.ErrNotKept):
		return noCondition // the client's side, or our own, or no other endpoint would do better
	case connections.IsRefused(a.err):
		return onRefusedStream
	case a.unsent:
		return onConnectFailure
	case f.kind == errTerminated, reset(a.err):
		return onReset
	}
	return noCondition
}

// reset says whether a stream, or the connection under it, ended before an answer.
func reset(err error) bool {
	text := err.Error()
	return strings.Contains(text, "received from peer") || strings.Contains(text, "http2: client connection lost") || strings.Contains(text, "http2: server sent GOAWAY")
}

// came counts what came of an attempt. What succeeds pays for retries, which a
// request can do only once.
func (r *retrying) came(a *attempt, c condition) {
	now := time.Now()
	if a.follows != noCondition {
		r.policy.stats.sent(now, a.follows, a.failure == nil && !r.policy.on[c])
	}
	if succeeded(a, r.x.grpc) {
		r.policy.budget.Success(now)
	}
}

// succeeded says whether an attempt brought a useful answer.
func succeeded(a *attempt, grpc bool) bool {
	return a.failure == nil && outcomeOf(a.resp, grpc) == limiter.Success
}

// again makes the next attempt, ready to be sent, or says why there is none.
func (r *retrying) again(a *attempt, c condition) (*attempt, giveUp) {
	x, now := r.x, time.Now()
	unprocessed := c == onConnectFailure || c == onRefusedStream
	var says signals.Advice
	if a.failure == nil {
		says = signals.AdviceOf(a.resp.Header, x.grpc, now)
	}
	switch {
	case !unprocessed && (x.upgrade || !r.repeatable() && (!says.Asked || x.isGuarded())):
		return nil, givenUpMethod
	case r.body != nil && r.body.Spent():
		return nil, givenUpBody
	case r.first > 1 && !r.policy.chains:
		return nil, givenUpChain
	case r.retries >= r.policy.attempts:
		return nil, givenUpAttempts
	case says.Stop:
		return nil, givenUpRefused
	}
	r.failed = append(r.failed, a.endpoint)
	if says.Elsewhere {
		r.refused = append(r.refused, a.endpoint)
		if len(r.candidates()) == 0 {
			return nil, givenUpRefused
		}
	}
	left, has := x.left(now)
	if r.pauses == nil {
		r.pauses = newBackoff(r.policy.base, r.policy.max)
	}
	wait, inTime := pauseFor(r.pauses.NextBackOff(), says, left, has)
	if !inTime {
		return nil, givenUpDeadline
	}
	if !r.policy.budget.Reserve(now) {
		return nil, givenUpBudget
	}
	next, why := r.ready(a, c, wait)
	if next == nil {
		r.policy.budget.Return(time.Now())
	}
	return next, why
}

// repeatable says whether the request may be sent once more although it may
// have been processed. One that is guarded by its key may not, here or in front.
func (r *retrying) repeatable() bool {
	if r.x.isGuarded() {
		return false
	}
	if r.policy.methods[r.x.r.Method] {
		return true
	}
	key, err := signals.IdempotencyKey(r.x.r.Header)
	return err == nil && key != ""
}

// ready ends an attempt, waits, and finds the next one its place. Its price is
// paid.
func (r *retrying) ready(a *attempt, c condition, wait time.Duration) (*attempt, giveUp) {
	x := r.x
	r.putAside(a)
	x.bound.enqueued()
	waited := wait <= 0 || pause(wait, x.ctx.Done())
	now := time.Now()
	x.bound.dequeued(now)
	if cause := context.Cause(x.ctx); !waited || cause != nil {
		if a.failure != nil { // it had become this one's place to say so
			a.failure = x.explainCause(cause)
		}
		return nil, givenUpEnded
	}
	if left, has := x.left(now); has && left <= 0 {
		return nil, givenUpDeadline
	}
	candidates := r.candidates()
	if len(candidates) == 0 {
		return nil, givenUpNoEndpoint
	}
	next := r.place(choose(candidates, now), now)
	if next == nil {
		return nil, givenUpLimit
	}
	next.follows = c
	return next, notGivenUp
}

// candidates are the endpoints for another attempt: those in use that have had
// none, or else those that have not refused one.
func (r *retrying) candidates() []*endpoint {
	usable := *r.x.route.upstream.usable.Load()
	var fresh, known []*endpoint
	for _, e := range usable {
		switch {
		case slices.Contains(r.refused, e):
		case slices.Contains(r.failed, e):
			known = append(known, e)
		default:
			fresh = append(fresh, e)
		}
	}
	if len(fresh) > 0 {
		return fresh
	}
	return known
}

// place gives a further attempt a permit at an endpoint. Nil: there is none
// free, and a retry doesn't queue: those who wait there haven't been sent at all.
func (r *retrying) place(e *endpoint, now time.Time) *attempt {
	x := r.x
	a := &attempt{endpoint: e, permit: &permit{}}
	if e.limiter != nil {
		if x.wantsStream() && e.streamsFull() {
			return nil
		}
		x.describe(&a.permit.waiter)
		a.permit.waiter.Attempt = max(x.attempt, 1) + len(r.mine)
		if !a.permit.try(now, e) {
			return nil
		}
	}
	return r.enlist(a)
}

// settle ends the lives of attempts, when all that is still to come of them is
// their end: those that have lost, beside whoever's answer was passed on.
func (r *retrying) settle() {
	for _, a := range r.mine {
		a.life.Cancel(context.Cause(r.x.ctx))
	}
}

// alone says whether the exchange's first attempt was its only one, and nobody
// else has got hold of that: no timer, nor a goroutine that made it.
func (r *retrying) alone() bool {
	return len(r.mine) == 1 && !r.flew && r.policy.perTry <= 0
}

// end gives back what the attempts hold, once the exchange is over; zero: at present.
func (r *retrying) end(now time.Time) {
	r.loose.Wait() // their contexts have ended
	for _, a := range r.mine {
		a.done(now)
	}
	if r.kept != nil {
		r.kept.resp.Body.Close()
	}
}
