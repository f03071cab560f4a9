package proxy

import (
	"net"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/proxy/h1"
)

// expressMost is the longest body that is answered express: it is written at
// once, within one deadline, while a longer one has a deadline that moves with
// each piece.
const expressMost = 64 << 10

// expressHit is the answer to a request that is fresh in the cache, while it is
// being written. What is answered so costs neither a request with its context
// nor a header that is built only to be taken apart again.
type expressHit struct {
	x      *exchange // nil: none is being written
	size   int64
	pieces [][]byte
}

// hit appends the head of the answer from the cache to b, with the body where it
// fits in, or returns that in pieces, which are the stored ones. Whatever isn't
// as simple as that is left to the handler, as nothing: what the store has for
// it, and how that is to be used, is left with it, so that it is looked for once.
func (e *express) hit(c *clientConn, r *http.Request, b []byte) (head []byte, body [][]byte) {
	p := e.proxy
	gen, route := p.find(r) // here, so that what is needed of it comes while the engine makes its request
	e.found = found{gen, route}
	if r.Method != http.MethodGet && r.Method != http.MethodHead || p.o.caching.parts.Load() == nil {
		return b, nil
	}
	if route == nil || route.caching == nil || route.caps != nil || p.draining.Load() || c.retired() {
		return b, nil // a rate cap's tokens are taken once
	}
	x := p.exchanges.take()
	x.r, x.gen, x.conn, x.route = r, gen, c, route
	p.expect(x)
	x.start = time.Now()
	x.grpc = isGRPC(r.Header)
	if p.admit(x) != nil || !p.takesPart(x) {
		x.finish()
		p.exchanges.put(x)
		return b, nil
	}
	t := &x.turn
	t.look(x.start)
	a := x.expressAnswer()
	if a.Status == 0 {
		t.looked = true
		e.looked = x
		return b, nil
	}
	e.found = found{}
	route.metrics.Begin()
	p.inflight.Add(1)
	x.record.Route, x.record.Status = route.name, a.Status
	x.requestID = requestID(r.Header, gen.requestIDHeader, x.values)
	t.result = cacheHit
	e.answered++
	b = x.appendStored(b, &a)
	e.written = expressHit{x: x, size: a.Range.Length, pieces: e.written.pieces[:0]}
	fits := a.Range.Length <= int64(cap(b)-len(b))
	for piece := range t.entry.Body.Range(a.Range.Start, a.Range.Length) {
		if fits {
			b = append(b, piece...)
		} else {
			e.written.pieces = append(e.written.pieces, piece)
		}
	}
	return b, e.written.pieces
}

// expressAnswer is the form in which what is stored answers the request. Status
// 0: it doesn't, or not as simply as here.
func (x *exchange) expressAnswer() cache.Answer {
	t := &x.turn
	if t.entry == nil || t.verdict.Use != cache.UseFresh || t.early {
		return cache.Answer{}
	}
	a := t.entry.Policy.Answer(&t.req, t.entry.Body.Len())
	if a.Parts != nil || a.Range.Length > expressMost {
		return cache.Answer{}
	}
	return a
}

// appendStored appends the head of an answer from the store.
func (x *exchange) appendStored(b []byte, a *cache.Answer) []byte {
	b = h1.AppendStatusLine(b, a.Status)
	x.eachStored(x.turn.entry, a, x.turn.verdict.Age, hitStatus(x.turn.verdict), func(name string, values []string) {
		for _, value := range values {
			b = h1.AppendField(b, name, value)
		}
	})
	return append(b, "\r\n"...)
}

// expressed is for when what was answered express has been written, or failed to.
func (e *engine) expressed(nc net.Conn, err error) {
	written := &nc.(*clientConn).express.written
	x := written.x
	if x == nil {
		return // a refusal
	}
	written.x = nil
	clear(written.pieces)
	if err == nil {
		x.record.BytesOut = written.size
	} else {
		x.record.Reason, x.record.Aborted = string(errClientGone), true
	}
	e.proxy.inflight.Add(-1)
	x.finish()
	e.proxy.observe(x, x.route.metrics)
	e.proxy.exchanges.put(x)
}

// takeLooked gives the exchange of a request for which the store has been looked
// through already, or a new one.
func (c *clientConn) takeLooked(p *Proxy, r *http.Request) *exchange {
	if r.ProtoMajor == 1 && c.express != nil && c.express.looked != nil {
		x := c.express.looked
		c.express.looked = nil
		return x
	}
	return p.exchanges.take()
}

// found is a request's route, and the configuration that it is of.
type found struct {
	gen   *generation
	route *route // nil: there is none
}

// find finds the route of a request.
func (p *Proxy) find(r *http.Request) (*generation, *route) {
	gen := p.gen.Load()
	return gen, gen.router.find(r.Host, r.URL)
}

// takeFound gives the route that was found for a request already, or finds it.
func (c *clientConn) takeFound(p *Proxy, r *http.Request) (*generation, *route) {
	if r.ProtoMajor == 1 && c.express != nil && c.express.found.gen != nil {
		f := c.express.found
		c.express.found = found{}
		return f.gen, f.route
	}
	return p.find(r)
}
