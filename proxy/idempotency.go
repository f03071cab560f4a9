package proxy

import (
	"context"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/idempotency"
	"github.com/levee-proxy/levee/proxy/internal/clients"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// guarded takes a request whose route guards it. It returns false if the
// request goes on as any other: there is nothing to guard, or the route says
// that it may pass where it can't be.
func (p *Proxy) guarded(w *beginning, x *exchange) bool {
	if !x.route.guards {
		return false
	}
	cfg := &x.route.cfg.Idempotency
	if x.upgrade || !cfg.Guards(x.r.Method) {
		return false
	}
	g := p.o.guard
	sent, err := signals.IdempotencyKey(x.r.Header)
	switch {
	case err != nil:
		g.count(x, resultMalformed)
		p.answer(w, x, answerMalformed(err))
		return true
	case sent == "" && cfg.Mode == config.IdempotencyRequired:
		g.count(x, resultMissing)
		p.answer(w, x, answerMissing)
		return true
	case sent == "":
		return false
	}

	if !p.holdBody(w, x) {
		return true
	}
	return p.claim(w, x, &idempotency.Request{
		Key:         idempotency.NewKey(x.route.cfg.Name, x.gen.identity.Whole(x.r, clients.Network(x.client)), sent),
		Fingerprint: idempotency.NewFingerprint(x.r.Method, normalHost(x.r.Host), x.r.URL.RequestURI(), x.held.bytes),
		TakeDoubt:   cfg.InDoubt == config.GuardPass,
	})
}

// holdBody reads a keyed request's body, within the time that there is for the
// request. False: it was answered instead.
func (p *Proxy) holdBody(w *beginning, x *exchange) bool {
	g := p.o.guard
	x.setDeadline(x.conn.trusted(x.gen))
	x.limit()
	body, err := readBody(x, int64(x.route.cfg.Idempotency.BodyLimit), g.bodies.Piece(x.gen.identity.Hash(x.r, x.client)))
	x.held = body
	switch {
	case err == errBodyTooLarge:
		g.count(x, resultTooLarge)
		p.answer(w, x, answerBodyTooLarge)
		return false
	case err == errNoBodyRoom:
		g.count(x, resultFull)
		p.answer(w, x, answerFull)
		return false
	case err != nil:
		p.fail(w, x, x.explain(err))
		return false
	}
	x.body.src = nil   // read to its end
	x.bound.enqueued() // whoever is silent from here on, it isn't the upstream
	return true
}

// claim does what the store says about a keyed request. It returns false if the
// store can't be asked, and the route lets such requests pass.
func (p *Proxy) claim(w *beginning, x *exchange, ask *idempotency.Request) bool {
	g := p.o.guard
	joined := false
	for {
		ask.Now = time.Now()
		claim, err := g.begin(x.ctx, *ask)
		if err != nil && context.Cause(x.ctx) != nil {
			p.fail(w, x, x.explainCause(context.Cause(x.ctx)))
			return true
		}
		if err != nil {
			g.count(x, resultOf(err))
			if x.route.cfg.Idempotency.OnStoreFailure == config.GuardPass {
				x.held.put(x)
				x.bound.dequeued(ask.Now)
				return false
			}
			p.answer(w, x, answerOf(err))
			return true
		}
		switch claim.State {
		case idempotency.First:
			g.count(x, resultFirst)
			body := x.held
			x.held = nil // the run has it
			p.lead(w, x, ask.Key, claim.Ticket, body)
			return true
		case idempotency.Running:
			joined = true
			if a, f := g.join(x, claim.Done); a != nil {
				g.count(x, resultFull)
				p.answer(w, x, a)
				return true
			} else if f != nil {
				g.count(x, resultJoined)
				p.fail(w, x, f)
				return true
			}
		default:
			p.repeat(w, x, ask.Key, claim, joined)
			return true
		}
	}
}

// repeat answers a request that was sent before.
func (p *Proxy) repeat(w *beginning, x *exchange, key idempotency.Key, claim idempotency.Claim, joined bool) {
	g := p.o.guard
	switch {
	case claim.State == idempotency.Mismatch:
		g.count(x, resultMismatch)
		p.answer(w, x, answerMismatch)
	case claim.State == idempotency.Doubtful:
		g.count(x, resultInDoubt)
		x.record.KeyReference = key.String()
		p.answer(w, x, answerInDoubt(key))
	case claim.Answer.BodyLost:
		g.count(x, resultLost)
		p.answer(w, x, answerLost(claim.Answer))
	default:
		if joined {
			g.count(x, resultJoined)
		} else {
			g.count(x, resultReplayed)
		}
		p.tell(w, x, claim.Answer, true)
	}
}

// join waits until a twin has come to its end, or its own client waits no longer.
func (g *guard) join(x *exchange, done <-chan struct{}) (*answer, *failure) {
	place := g.twins.Piece(x.gen.identity.Hash(x.r, x.client))
	if !place.Hold(1) {
		return answerFull, nil
	}
	defer place.Free(1)
	select {
	case <-done:
		return nil, nil
	case <-x.ctx.Done():
		return nil, x.explainCause(context.Cause(x.ctx))
	}
}

// lead sends a request on its way, and waits for its answer as long as the
// client does.
func (p *Proxy) lead(w *beginning, x *exchange, key idempotency.Key, ticket idempotency.Ticket, body *heldBody) {
	run := p.newRun(w, x, key, ticket, body)
	if !p.o.guard.goes(run.carry) {
		run.giveUp()
		run.end()
		p.fail(w, x, x.explainCause(errStopped))
		return
	}
	select {
	case <-run.done:
	case <-x.ctx.Done():
		cause := context.Cause(x.ctx)
		if run.leave(cause) {
			run.note(&x.record)
			p.fail(w, x, x.explainCause(cause))
			return
		}
		<-run.done
	}
	x.record.Upstream, x.record.Endpoint, x.record.UpstreamDuration = run.x.record.Upstream, run.x.record.Endpoint, run.x.record.UpstreamDuration
	x.record.Attempts = run.x.record.Attempts
	run.note(&x.record)
	x.record.Idempotency, x.attempt, x.returnAfter = run.x.record.Idempotency, run.x.attempt, run.x.returnAfter
	switch {
	case run.failure != nil && run.streams():
		x.record.Status, x.record.Reason, x.record.Aborted = run.rec.status, string(run.failure.kind), true
		panic(http.ErrAbortHandler)
	case run.refused != nil:
		p.shed(w, x, run.refused)
	case run.failure != nil:
		p.fail(w, x, run.failure)
	case run.streams():
		x.record.Status, x.record.BytesOut = run.rec.status, run.x.record.BytesOut
	default:
		p.tell(w, x, run.answer, false)
	}
}
