package proxy

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
)

const (
	cacheStatusField = "Cache-Status"
	ageField         = "Age"
)

// tellStored answers from a stored response: whole, in part, or that the client
// has it already. Nothing of the response is copied. It returns false if the
// request has a condition that only the upstream can judge.
func (p *Proxy) tellStored(w *beginning, x *exchange, now time.Time, e *entry, v cache.Verdict, said *cache.Status) bool {
	a := e.Policy.Answer(&x.turn.req, e.Body.Len())
	if a.Status == 0 {
		return false
	}
	h := w.Header()
	var m *cache.Multipart
	if a.Parts == nil {
		x.eachStored(e, &a, v.Age, said, func(name string, values []string) { h[name] = values })
	} else {
		m = &cache.Multipart{Answer: a, Boundary: rand.Text(), ContentType: e.Header.Get("Content-Type")}
		e.Header.CopyTo(h)
		a.SetHeader(h, v.Age, m.Boundary)
		x.tellCacheStatus(h, said)
	}
	unsniffed(h)
	if x.closing {
		h["Connection"] = closeValues
	}
	x.record.Status = a.Status
	out := x.writer(w)
	defer out.guard.end()
	out.begin(now)
	w.WriteHeader(a.Status)
	switch {
	case x.r.Method == http.MethodHead:
	case m != nil:
		out.multipart(e, m)
	default:
		out.part(e, a.Range)
	}
	return true
}

// eachStored gives the fields of an answer from a stored response that isn't one
// of several parts. Values are the stored ones, or stand in the exchange's room.
func (x *exchange) eachStored(e *entry, a *cache.Answer, age time.Duration, said *cache.Status, put func(name string, values []string)) {
	whole := a.Status == e.Policy.Status()
	tagged := !whole && e.Header.Has("Etag")
	sized := false
	var before []string
	for i := range e.Header {
		f := &e.Header[i]
		switch {
		case !whole && !a.Keeps(f.Name, tagged):
			continue
		case f.Name == cacheStatusField:
			before = f.Values
			continue
		case f.Name == "Content-Length" || f.Name == "Content-Range":
			if !whole { // it is of the whole
				continue
			}
			sized = sized || f.Name == "Content-Length"
		}
		put(f.Name, f.Values)
	}
	if said.Hit || age >= time.Second { // else Age would say that the upstream wasn't asked for this one
		put(ageField, x.values.List(x.values.Number(int64(age/time.Second))))
	}
	put(cacheStatusField, x.cacheStatus(before, said))
	switch {
	case whole && !sized && bodyAllowed(a.Status):
		put("Content-Length", x.values.List(x.values.Number(a.Size)))
	case !whole && a.Status != http.StatusNotModified:
		var text [64]byte
		put("Content-Range", x.values.List(x.values.Bytes(a.AppendContentRange(text[:0]))))
		put("Content-Length", x.values.List(x.values.Number(a.Range.Length)))
	}
}

// part writes a part of the stored body.
func (b *bodyWriter) part(e *entry, r cache.ByteRange) {
	for piece := range e.Body.Range(r.Start, r.Length) {
		b.write(piece)
	}
}

// multipart writes several.
func (b *bodyWriter) multipart(e *entry, m *cache.Multipart) {
	for i, part := range m.Answer.Parts {
		b.write([]byte(m.Head(i)))
		b.part(e, part)
	}
	b.write([]byte(m.End()))
}

// unsniffed keeps net/http from guessing a Content-Type that the service didn't give.
func unsniffed(h http.Header) {
	if !has(h, "Content-Type") {
		h["Content-Type"] = nil
	}
}

// tellCacheStatus adds to Cache-Status what the cache did.
func (x *exchange) tellCacheStatus(h http.Header, said *cache.Status) {
	h[cacheStatusField] = x.cacheStatus(h[cacheStatusField], said)
}

// cacheStatus is Cache-Status with what the cache did behind what caches before
// it did. That may be shared, and is never written to.
func (x *exchange) cacheStatus(before []string, said *cache.Status) []string {
	said.Cache = x.gen.name
	var stack [128]byte
	text := x.values.Bytes(said.Append(stack[:0]))
	if len(before) > 0 {
		return append(before[:len(before):len(before)], text)
	}
	return x.values.List(text)
}

// bodyWriter writes an answer's body to a client that must take it at some pace.
type bodyWriter struct {
	w     http.ResponseWriter
	x     *exchange
	guard progress
	ready bool // for a piece, as the time has just been noted

	setDeadline func(time.Time) error
}

// writer is the exchange's own: an answer from memory shall cost no more than it must.
func (x *exchange) writer(w http.ResponseWriter) *bodyWriter {
	b := &x.out
	b.w, b.x, b.ready = w, x, false
	if b.setDeadline == nil {
		b.setDeadline = func(t time.Time) error { return http.NewResponseController(b.w).SetWriteDeadline(t) }
	}
	limit := x.conn.timeouts.write
	if x.conn.boundsWrites(x.r) {
		limit = 0
	}
	b.guard.limit, b.guard.set, b.guard.h2, b.guard.writes = limit, b.setDeadline, x.r.ProtoMajor == 2, x.conn
	return b
}

// begin is for the answer's header, at now, and the first piece.
func (b *bodyWriter) begin(now time.Time) {
	b.guard.beforeAt(now)
	b.ready = true
}

// write writes a piece. If the client doesn't take it, the answer is cut off.
func (b *bodyWriter) write(piece []byte) {
	for len(piece) > 0 {
		part := piece[:min(len(piece), bufferSize)]
		if !b.ready {
			b.guard.before()
		}
		b.ready = false
		n, err := b.w.Write(part)
		b.guard.after()
		b.x.record.BytesOut += int64(n)
		if err != nil {
			b.x.abort(errClientGone)
		}
		piece = piece[n:]
	}
}

// flush sends what was written.
func (b *bodyWriter) flush() {
	if http.NewResponseController(b.w).Flush() != nil {
		b.x.abort(errClientGone)
	}
}

// abort ends the client's connection: it must not take a part for the whole.
func (x *exchange) abort(why errorType) {
	x.record.Reason, x.record.Aborted = string(why), true
	panic(http.ErrAbortHandler)
}
