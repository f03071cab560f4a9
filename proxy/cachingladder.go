package proxy

import (
	"maps"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
)

// cached answers a request from the cache, or from a fetch that all share who
// ask for the same. It returns false if the request goes to the upstream by
// itself, as any other.
func (p *Proxy) cached(w *beginning, x *exchange) bool {
	if !p.takesPart(x) {
		return false
	}
	if x.r.Method == cache.MethodQuery {
		if held, answered := p.readQuery(w, x); !held {
			return answered
		}
	}
	if p.lookUp(w, x) {
		return true
	}
	x.unread()
	return false
}

// lookUp is cached for a request that the cache takes part in.
func (p *Proxy) lookUp(w *beginning, x *exchange) bool {
	t := &x.turn
	// Each round waits for a fetch, and more than one is rare: what was fetched
	// is of another variant, or was stored between two looks.
	now := x.start
	for range 4 {
		t.look(now)
		if p.fromStore(w, x, now) {
			return true
		}
		if t.req.OnlyIfCached() {
			t.result = cacheUnsatisfied
			p.answer(w, x, &answer{status: http.StatusGatewayTimeout, kind: errUnavailable, details: "nothing is cached that can be used, and the client wants nothing else"})
			return true
		}
		if t.alone(now) {
			if x.cancel != nil { // it has waited for a fetch before
				x.bound.dequeued(time.Now())
			}
			return false
		}
		switch p.join(w, x) {
		case joinDone:
			return true
		case joinAlone:
			x.bound.dequeued(time.Now())
			return false
		}
		now = time.Now()
	}
	x.bound.dequeued(time.Now())
	return false
}

// fromStore answers from what is stored, if it may be used as things are.
func (p *Proxy) fromStore(w *beginning, x *exchange, now time.Time) bool {
	t := &x.turn
	if t.entry == nil {
		return false
	}
	v := t.verdict
	if v.Use == cache.UseValidate && before(now, t.entry.Policy.marks.failed.Load()) {
		v = t.judge(now, cache.Failed)
	}
	if !v.Use.Answers() {
		return false
	}
	if !p.tellStored(w, x, now, t.entry, v, hitStatus(v)) {
		return false
	}
	t.result = resultOfUse(v.Use)
	known := false
	switch {
	case v.Use == cache.UseStaleWhileRevalidate:
		known = p.refresh(x, now)
	case v.Use == cache.UseFresh && t.early:
		known = p.refresh(x, now)
	}
	x.free = !known && x.untouched()
	return true
}

// hitStatus is what Cache-Status says of an answer from storage.
func hitStatus(v cache.Verdict) *cache.Status {
	return &cache.Status{Hit: true, TTL: v.TTL, HasTTL: true, Detail: v.Reason}
}

// plight is why a request can't have its upstream's answer.
type plight struct {
	trouble cache.Trouble
	kind    errorType
	shed    string // as Levee-Shed has it; "": it wasn't refused
}

func (r *refusal) plight() plight { return plight{cache.Overloaded, r.kind, r.shed[0]} }
func (f *failure) plight() plight { return plight{cache.Failed, f.kind, ""} }

// failing is the plight of a request that the upstream has answered with a failure.
var failing = plight{cache.Failed, errUnavailable, ""}

// rescue answers a request that is to be refused, or has failed, with what the
// route allows instead: a stale answer, or the fallback. It returns false if
// there is neither.
func (p *Proxy) rescue(w *beginning, x *exchange, why plight) bool {
	t := &x.turn
	if w.begun || x.run != nil || x.fetch != nil {
		return false
	}
	if t.entry != nil {
		now := time.Now()
		v := t.judge(now, why.trouble)
		if v.Use.Answers() && p.tellStored(w, x, now, t.entry, v, hitStatus(v)) {
			t.result = resultOfUse(v.Use)
			return true
		}
	}
	f := x.route.fallback
	if f == nil || x.grpc || x.upgrade || !f.cfg.Serves(x.r.Method) {
		return false
	}
	t.result = cacheFallback
	p.tellFallback(w, x, f, why)
	return true
}

// rescuesFrom says whether a failure is one that a stale answer or the fallback
// may stand in for: the upstream's, not the client's nor Levee's own.
func rescuesFrom(f *failure) bool {
	return !f.cut && (f.status == http.StatusBadGateway || f.status == http.StatusGatewayTimeout)
}

// tellFallback answers with the route's fallback. Cache-Status names it, so that
// nobody takes it for the service's.
func (p *Proxy) tellFallback(w *beginning, x *exchange, f *fallback, why plight) {
	h := w.Header()
	clear(h)
	maps.Copy(h, f.header)
	forward := x.turn.forward
	if x.turn.route == nil {
		forward = cache.ForwardBypass
	}
	said := cache.Status{Cache: x.gen.name, Forward: forward}
	text := string(said.Append(nil)) + "; detail=fallback-" + troubleNames[why.trouble]
	h[cacheStatusField] = []string{text}
	if x.requestID != "" {
		h[x.gen.requestIDHeader] = []string{x.requestID}
	}
	if x.closes() {
		h["Connection"] = closeValues
	}
	x.record.Status, x.record.Reason, x.record.Shed = f.cfg.Status, string(why.kind), why.shed
	x.boundAnswer(w)
	w.WriteHeader(f.cfg.Status)
	if x.r.Method != http.MethodHead && bodyAllowed(f.cfg.Status) {
		n, _ := w.Write(f.body)
		x.record.BytesOut += int64(n)
	}
}

// troubleNames are what made a fallback necessary, as Cache-Status has it.
var troubleNames = [...]string{cache.Calm: "none", cache.Failed: "error", cache.Overloaded: "overload"}
