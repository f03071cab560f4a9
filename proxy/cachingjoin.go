package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/coalesce"
	"github.com/levee-proxy/levee/limiter"
)

// joined is what came of waiting for a fetch.
type joined uint8

const (
	joinDone  joined = iota // the request was answered
	joinAgain               // it has to look again
	joinAlone               // it goes to the upstream by itself
)

// join waits for the fetch of what the request asks for, or starts it, and
// passes its answer on while it comes.
func (p *Proxy) join(w *beginning, x *exchange) joined {
	t := &x.turn
	x.setDeadline(x.conn.trusted(x.gen))
	x.limit()
	x.record.Upstream = x.route.upstream.cfg.Name
	reader, err := t.parts.fetches.Join(x.ctx, t.fetchKey(), p.fetch(x, false))
	if err != nil { // as many wait as may
		if !p.rescue(w, x, plight{cache.Overloaded, errConnectionLimit, limiter.QueueFull.String()}) {
			p.shedCached(w, x, limiter.QueueFull)
		}
		return joinDone
	}
	defer reader.Close()
	if reader.Follows() {
		x.bound.follows(reader.Idled, time.Now())
	} else {
		x.bound.enqueued() // its fetch knows how long the upstream may be silent
	}
	f, early, err := reader.Early()
	for ; early; f, early, err = reader.Early() {
		h := w.Header()
		maps.Copy(h, f.header)
		w.WriteHeader(f.status)
		clear(h)
	}
	if err != nil {
		return p.notFetched(w, x, err)
	}
	led := reader.Led()
	if !led {
		t.result = cacheCoalesced
	}
	return p.passOn(w, x, reader, f, led)
}

// passOn answers with what was fetched: streaming it, or from storage if it was
// a validation of what is stored.
func (p *Proxy) passOn(w *beginning, x *exchange, reader *coalesce.Reader[*fetched], f *fetched, led bool) joined {
	t := &x.turn
	now := time.Now()
	x.record.Endpoint, x.record.UpstreamDuration, x.record.Attempts = f.endpoint, f.latency, f.attempts
	said := &cache.Status{Forward: t.forward, Stored: f.policy != nil && f.stores, Collapsed: !led}
	if f.status != 0 && f.entry != nil {
		said.ForwardStatus = f.status
	}
	var v cache.Verdict
	if f.policy != nil {
		v = f.policy.Reuse(&t.req, &t.route.cfg, cache.Moment{Now: now})
		if !led && !v.Use.Answers() { // it isn't for this one: another variant, or to be validated each time
			if v.Reason == cache.ReasonVaryMiss {
				t.vary(f.policy)
				return p.joinVariant(w, x)
			}
			return joinAlone
		}
		said.TTL, said.HasTTL = v.TTL, true
	}
	if f.entry != nil {
		if led {
			t.result = cacheRevalidated
		}
		if !p.tellStored(w, x, now, f.entry, v, said) {
			return joinAlone
		}
		return joinDone
	}
	if f.policy != nil {
		if a := f.policy.Answer(&t.req, 0); a.Status == http.StatusNotModified {
			maps.Copy(w.Header(), f.header)
			a.SetHeader(w.Header(), v.Age, "")
			x.tellCacheStatus(w.Header(), said)
			x.finishHeader(w, a.Status)
			return joinDone
		}
	}
	header := f.header
	if led && f.own != nil {
		header = f.own
	}
	p.stream(w, x, reader, f, header, v, said)
	return joinDone
}

// joinVariant is join for a request that has learned, from the answer to
// another one, of which variant it asks for.
func (p *Proxy) joinVariant(w *beginning, x *exchange) joined {
	t := &x.turn
	if t.variants++; t.variants > 3 { // the upstream changes its mind
		return joinAlone
	}
	if _, found := t.parts.store.Get(t.base, t.matches); found {
		return joinAgain
	}
	return p.join(w, x)
}

// finishHeader sends the header of an answer.
func (x *exchange) finishHeader(w *beginning, status int) {
	if x.closing {
		w.Header()["Connection"] = closeValues
	}
	x.record.Status = status
	w.WriteHeader(status)
}

// stream passes an answer on as it comes from the fetch.
func (p *Proxy) stream(w *beginning, x *exchange, reader *coalesce.Reader[*fetched], f *fetched, header http.Header, v cache.Verdict, said *cache.Status) {
	x.bound.answer(time.Now(), lasting(header))
	h := w.Header()
	maps.Copy(h, header)
	unsniffed(h)
	if f.policy != nil && v.Age >= time.Second { // of what the upstream itself had from a cache
		x.values.Set(h, ageField, x.values.Number(int64(v.Age/time.Second)))
	}
	x.tellCacheStatus(h, said)
	out := x.writer(w)
	defer out.guard.end()
	out.guard.before()
	x.finishHeader(w, f.status)
	out.guard.after()
	left := f.size
	if !bodyAllowed(f.status) {
		left = 0
	} else if left < 0 {
		out.flush()
	}
	for {
		data, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			if context.Cause(x.ctx) != nil && !errors.Is(context.Cause(x.ctx), errDeadline) {
				x.abort(errClientGone)
			}
			x.abort(errResponseIncoming)
		}
		out.write(data)
		if left -= int64(len(data)); left != 0 {
			out.guard.before()
			out.flush()
			out.guard.after()
		}
	}
	if len(f.trailer) == 0 {
		return
	}
	out.flush() // chunked framing, without which HTTP/1.1 has no trailers
	maps.Copy(h, f.trailer)
}

// notFetched answers a request whose fetch brought nothing.
func (p *Proxy) notFetched(w *beginning, x *exchange, err error) joined {
	t := &x.turn
	if cause := context.Cause(x.ctx); cause != nil { // its own client's patience is over
		f := x.explainCause(cause)
		if !rescuesFrom(f) || !p.rescue(w, x, f.plight()) {
			p.fail(w, x, f)
		}
		return joinDone
	}
	if n, ok := errors.AsType[*fetchError](err); ok {
		if n.failure != nil && !rescuesFrom(n.failure) || !p.rescue(w, x, n.plight()) {
			p.unserved(w, x, n)
		}
		return joinDone
	}
	switch {
	case errors.Is(err, errLookAgain):
		return joinAgain
	case errors.Is(err, coalesce.ErrUncacheable):
		t.forward = cache.ForwardMiss
		return joinAlone
	}
	if e, ok := errors.AsType[*coalesce.PanicError](err); ok {
		p.o.Logger.Error("panic in a fetch", "panic", e.Value, "request_id", x.requestID, "stack", string(e.Stack))
	}
	if !p.rescue(w, x, plight{cache.Failed, errTerminated, ""}) {
		p.fail(w, x, &failure{answer: answer{status: http.StatusBadGateway, kind: errTerminated, details: "fetching it brought no answer"}})
	}
	return joinDone
}

// unserved tells a request what its fetch came to. If it was another one's
// fetch, that is only why.
func (p *Proxy) unserved(w *beginning, x *exchange, n *fetchError) {
	own := n.of == x
	switch {
	case n.refused != nil && own:
		x.attempt, x.returnAfter = n.attempt, n.returnAfter
		p.shed(w, x, n.refused)
	case n.refused != nil:
		p.shedCached(w, x, n.refused.why)
	case n.failure != nil:
		p.fail(w, x, n.failure)
	case own:
		maps.Copy(w.Header(), n.header)
		x.finishHeader(w, n.status)
		out := x.writer(w)
		defer out.guard.end()
		out.write(n.body)
	default:
		p.fail(w, x, &failure{answer: answer{status: n.status, kind: errUnavailable, details: "the upstream failed to answer this and others like it"}})
	}
}

// shedCached refuses a request that has waited for another one's fetch. Only now
// it is counted among those that ask for something of the upstream.
func (p *Proxy) shedCached(w *beginning, x *exchange, why limiter.Reason) {
	x.classify()
	p.shed(w, x, x.refusal(why, time.Now()))
}
