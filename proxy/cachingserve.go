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
	if a.Parts != nil {
		m = &cache.Multipart{Answer: a, Boundary: rand.Text(), ContentType: e.Header.Get("Content-Type")}
	}
	x.storedHeader(h, e, &a, m, v.Age)
	if !said.Hit && v.Age < time.Second { // Age would say that the upstream wasn't asked for this one
		delete(h, ageField)
	}
	unsniffed(h)
	x.tellCacheStatus(h, said)
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

// storedHeader makes h the header of an answer from a stored response. Values
// are the stored ones, or stand in the exchange's room.
func (x *exchange) storedHeader(h http.Header, e *entry, a *cache.Answer, m *cache.Multipart, age time.Duration) {
	if m != nil {
		e.Header.CopyTo(h)
		a.SetHeader(h, age, m.Boundary)
		return
	}
	whole := a.Status == e.Policy.Status()
	tagged := !whole && e.Header.Has("Etag")
	for i := range e.Header {
		if f := &e.Header[i]; whole || a.Keeps(f.Name, tagged) {
			h[f.Name] = f.Values
		}
	}
	x.values.set(h, ageField, x.values.number(int64(age/time.Second)))
	if whole {
		if !has(h, "Content-Length") && bodyAllowed(a.Status) {
			x.values.set(h, "Content-Length", x.values.number(a.Size))
		}
		return
	}
	if a.Status != http.StatusNotModified {
		var text [64]byte
		x.values.set(h, "Content-Range", x.values.bytes(a.AppendContentRange(text[:0])))
		x.values.set(h, "Content-Length", x.values.number(a.Range.Length))
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
	said.Cache = x.gen.name
	var stack [128]byte
	text := x.values.bytes(said.Append(stack[:0]))
	if before := h[cacheStatusField]; len(before) > 0 { // shared: never written to
		h[cacheStatusField] = append(before[:len(before):len(before)], text)
		return
	}
	x.values.set(h, cacheStatusField, text)
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
	b.guard.limit, b.guard.set, b.guard.h2, b.guard.writes = x.conn.timeouts.write, b.setDeadline, x.r.ProtoMajor == 2, x.conn
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
