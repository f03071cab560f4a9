package proxy

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/internal/clients"
	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// ServeHTTP takes one request all its way. It works behind the proxy's own
// listeners and behind any other [http.Server].
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connUnder(w, r)
	x := conn.takeLooked(p, r)
	x.gen, x.route = conn.takeFound(p, r)
	x.r, x.conn, x.start = r, conn, time.Now()
	x.account = x.conn.takeAccount(r)
	x.closing = p.draining.Load() || x.conn.retired()
	p.inflight.Add(1)
	metrics := x.gen.noRoute
	if x.route != nil {
		metrics = x.route.metrics
		x.record.Route = x.route.name
	}
	metrics.Begin()
	// Deferred calls, so that a panic anywhere finds everything given back.
	defer func() {
		p.inflight.Add(-1)
		p.observe(x, metrics)
		if x.free {
			if engine, ok := w.(letter); ok && x.sent {
				engine.LetGo()
			}
			if x.direct {
				client.LetGo(x.first.answer.ReadCloser)
			}
			p.exchanges.put(x)
		}
	}()
	defer x.finish()
	began := &x.began
	began.ResponseWriter, began.x = w, x
	defer p.recover(began, x)

	x.requestID = requestID(r.Header, x.gen.requestIDHeader, x.values)
	x.grpc = isGRPC(r.Header)
	x.takeBody(w)
	if a := p.admit(x); a != nil {
		p.answer(began, x, a)
		return
	}
	if p.cached(began, x) || p.guarded(began, x) {
		return
	}
	refused, f := x.enter()
	if refused != nil {
		if !p.rescue(began, x, refused.plight()) {
			p.shed(began, x, refused)
		}
		return
	}
	if f == nil {
		f = p.forward(began, x)
	}
	if f != nil && (!rescuesFrom(f) || !p.rescue(began, x, f.plight())) {
		p.fail(began, x, f)
	}
}

// fail answers a request that got no answer from its upstream.
func (p *Proxy) fail(w *beginning, x *exchange, f *failure) {
	x.account.settle(f.outcome())
	if f.err != nil && !f.cut {
		p.o.Logger.Debug("no answer from upstream", "upstream", x.record.Upstream, "endpoint", x.record.Endpoint, "request_id", x.requestID, "error", f.err)
	}
	if f.cut {
		// Nobody is left to hear it; the connection must not look well ended.
		x.record.Status, x.record.Reason, x.record.Aborted = statusClientGone, string(errClientGone), true
		panic(http.ErrAbortHandler)
	}
	p.answer(w, x, &f.answer)
}

// admit takes the steps before forwarding. It returns an answer where the
// request ends here.
func (p *Proxy) admit(x *exchange) *answer {
	r, g := x.r, x.gen
	x.client = clientAddr(r.Header, x.conn.addr, &g.trusted)
	x.clientIP = x.conn.addrText
	if x.client != x.conn.addr {
		x.clientIP = x.values.Address(x.client)
	}
	var count int
	count, x.headerSize, x.unmarked = measure(r.Header)
	if a := refuse(r, count, g.cfg.Limits.HeaderFields); a != nil {
		return a
	}
	if x.route == nil {
		return &answer{status: http.StatusNotFound, kind: errNoRoute, details: "no route for this host and path"}
	}
	if p.memory.Short() {
		return &answer{status: http.StatusServiceUnavailable, kind: errUnavailable, details: "out of memory"}
	}
	if goesInCircles(r.Header, g.name) {
		return &answer{status: http.StatusBadGateway, kind: errLoop, details: "the request goes in circles"}
	}
	if caps := x.route.caps; caps != nil {
		var id string
		if caps.ByClient() {
			id = g.identity.Of(r, clients.Network(x.client))
		}
		if wait, whose := caps.Admit(id, x.start); wait > 0 {
			return rateLimited(wait, whose)
		}
	}
	// With a body to come first, where the switch happens would be a matter of opinion.
	x.upgrade = x.body.src == nil && fields.UpgradeType(r.Header) == "websocket" && r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1
	return nil
}

// forward sends the request, once more where it may, and passes the answer on.
// It returns a failure where there is none to pass on.
func (p *Proxy) forward(w *beginning, x *exchange) *failure {
	a := &x.first
	a.endpoint, a.permit, a.h1only, a.ctx, a.begun = x.endpoint, &x.permit, x.upgrade, x.ctx, x.entered
	if x.retrying = x.newRetrying(); x.retrying != nil {
		a = p.persist(w, x, a)
	} else {
		defer a.done(time.Time{})
		p.send(w, x, a)
	}
	x.endpoint, x.record.Endpoint = a.endpoint, a.endpoint.address
	if a.failure != nil {
		return a.failure
	}
	return p.relay(w, x, a)
}

// send makes an attempt, until its answer's header or its failure.
func (p *Proxy) send(w http.ResponseWriter, x *exchange, a *attempt) {
	a.roundTrip(x.begin(w, a))
	x.judge(a)
}

// begin makes the request of an attempt. From here on, it counts as sent.
func (x *exchange) begin(w http.ResponseWriter, a *attempt) *http.Request {
	if a.begun.IsZero() {
		a.begun = time.Now()
	}
	out := outgoing(w, x, a, a.begun)
	x.dispatched(a)
	x.sent = true
	x.record.Attempts++
	a.inflight = true
	a.endpoint.inflight.Add(1)
	a.endpoint.attempts.Add(1)
	return out
}

// roundTrip sends the request and waits for the answer's header.
func (a *attempt) roundTrip(out *http.Request) {
	a.resp, a.err = a.endpoint.send(out, a)
	a.end()
}

// judge notes what came of an attempt: for the limiter, the balancer, and the
// metrics.
func (x *exchange) judge(a *attempt) {
	e, metrics := a.endpoint, a.endpoint.up.metrics
	now := time.Now()
	a.came, a.latency = now, now.Sub(a.begun)
	if a.err != nil {
		if a.unsent {
			x.exposed--
		}
		f := x.explainAttempt(a)
		a.failure = f
		e.latency.AtLeast(now, x.broke(a, now))
		if f.blame && e.first(a.err) {
			e.failed(now, a.latency, f.details)
		}
		metrics.Attempt(x.r.Method, 0, string(f.kind), a.latency)
		return
	}
	outcome := x.answered(a, now)
	metrics.Attempt(x.r.Method, a.resp.StatusCode, "", a.latency)
	switch {
	case a.failing():
		e.failed(now, a.latency, "answered "+a.resp.Status)
	case outcome == limiter.Success:
		e.answered(now, a.latency)
	case outcome == limiter.Dropped || a.resp.StatusCode != http.StatusTooManyRequests:
		e.useless(now, a.latency, a.said())
	}
	if a.resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	body := &a.answer
	body.ReadCloser, body.conn, body.permit = a.resp.Body, a.conn, a.permit
	if a.resp.Body == http.NoBody {
		body.eof = true
		a.permit.end(now)
	} else if a.resp.ContentLength > 0 && client.AllReady(a.resp.Body, a.resp.ContentLength) {
		body.came = now
	}
	a.resp.Body = body
}

// relay passes the answer of an attempt on.
func (p *Proxy) relay(w *beginning, x *exchange, a *attempt) *failure {
	e, resp, now := a.endpoint, a.resp, a.came
	if x.retrying != nil { // others may have been waited for since, and watched
		now = time.Now()
		x.bound.holds(a.permit)
	}
	x.record.UpstreamDuration = a.latency
	x.account.settle(usefulness(resp, x.grpc))
	x.body.answered()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.bound.answer(now, true)
		x.account.close(now)
		f := tunnel(w, x, resp)
		if f != nil && f.blame {
			e.failed(time.Now(), a.latency, f.details)
		} else {
			e.completed()
		}
		return f
	}
	defer resp.Body.Close()
	if cache.Failure(resp.StatusCode) && p.rescue(w, x, failing) {
		return nil
	}
	p.invalidate(x, resp)
	x.freshenByHead(resp, now)
	lasts := lasting(resp.Header)
	x.bound.answer(now, lasts)
	if lasts { // it was answered usefully already, however long it lasts
		x.account.close(now)
	}
	cut := relay(w, x, resp)
	switch {
	case cut != nil && cut.blame:
		e.failed(time.Now(), a.latency, "the answer broke off")
	case !a.failing(): // complete, or as far as its client wanted it
		e.completed()
	}
	if cut != nil {
		if cut.blame {
			x.account.settle(cut.outcome())
		}
		x.record.Reason, x.record.Aborted = string(cut.kind), true
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	}
	x.free = x.alone(a)
	return nil
}

// answer sends an answer of Levee's own.
func (p *Proxy) answer(w *beginning, x *exchange, a *answer) {
	x.record.Status, x.record.Reason, x.record.Shed = a.status, string(a.kind), a.shed
	p.o.Metrics.Answer(string(a.kind))
	a.write(w, x)
}

// recover ends a request that panicked: with a 500 if nothing was sent yet,
// by cutting the connection otherwise.
func (p *Proxy) recover(w *beginning, x *exchange) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler {
		p.panicked(v, x)
		x.record.Aborted = w.begun
	}
	if v == http.ErrAbortHandler || w.begun {
		w.cut()
		panic(http.ErrAbortHandler)
	}
	p.answer(w, x, &answer{status: http.StatusInternalServerError, kind: errInternal, details: "the proxy failed on this request"})
}

// panicked counts a panic. The stack is logged once a place.
func (p *Proxy) panicked(v any, x *exchange) {
	p.panics.Add(1)
	stack := debug.Stack()
	if p.firstPanicAt(stack) {
		p.o.Logger.Error("panic in a request", "panic", v, "request_id", x.requestID, "stack", string(stack))
	}
}

// observe counts a request that is over, and enters it into the access log.
func (p *Proxy) observe(x *exchange, metrics *telemetry.RouteMetrics) {
	rec := &x.record
	x.turn.count(x)
	rec.Duration = sinceStart(x)
	reason := rec.Reason
	if x.turn.result == cacheFallback { // what was behind it is for the log: its client has an answer
		reason = ""
	}
	metrics.End(x.r.Method, x.conn.scheme, x.r.ProtoMajor, x.r.ProtoMinor, rec.Status, reason, rec.Duration)
	if p.o.Access == nil {
		return
	}
	rec.Time, rec.Method, rec.Host, rec.Path, rec.Proto = x.start, x.r.Method, x.r.Host, x.r.URL.Path, x.r.Proto
	rec.Client, rec.UserAgent, rec.RequestID = x.clientIP, x.r.UserAgent(), x.requestID
	rec.BytesIn += x.body.bytes.Load()
	rec.Attempt = x.attempt
	p.o.Access.Log(rec)
}

// beginning notes that an answer has begun. It hides nothing: a response
// controller finds the real writer by Unwrap.
type beginning struct {
	http.ResponseWriter
	x     *exchange // whose client it is for; nil: it is for several
	begun bool
}

func (b *beginning) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		b.begun = true
		if b.x != nil && b.x.outrun() {
			b.Header()["Connection"] = closeValues
		}
	} else if b.x != nil && b.x.r.ProtoMajor == 2 {
		// net/http writes an interim answer from this very map, and where the stream
		// is reset meanwhile, it goes on writing when the call has returned: who then
		// changes the map takes the process down. It copies one that has this field,
		// to leave it out.
		b.Header()["Content-Length"] = nil
	}
	b.ResponseWriter.WriteHeader(status)
}

// cut resets the connection if the answer ends where that does, as to HTTP/1.0 and
// without a length: net/http would end it as if all were said.
func (b *beginning) cut() {
	if b.begun && b.x != nil && b.x.r.ProtoMajor == 1 && b.x.r.ProtoMinor == 0 && b.Header()["Content-Length"] == nil {
		b.x.conn.reset()
	}
}

// Unwrap serves [http.ResponseController].
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }
