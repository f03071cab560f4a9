package proxy

import (
	"crypto/rand"
	"net/http"
	"strconv"
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
func (p *Proxy) tellStored(w *beginning, x *exchange, e *entry, v cache.Verdict, said *cache.Status) bool {
	a := e.Policy.Answer(&x.turn.req, e.Body.Len())
	if a.Status == 0 {
		return false
	}
	h := w.Header()
	var m *cache.Multipart
	e.Header.CopyTo(h)
	if a.Status == e.Policy.Status() && a.Status != http.StatusPartialContent {
		x.values.set(h, ageField, strconv.FormatInt(int64(v.Age/time.Second), 10))
		if !has(h, "Content-Length") && bodyAllowed(a.Status) {
			x.values.set(h, "Content-Length", strconv.FormatInt(a.Size, 10))
		}
	} else {
		boundary := ""
		if a.Parts != nil {
			boundary = rand.Text()
			m = &cache.Multipart{Answer: a, Boundary: boundary, ContentType: e.Header.Get("Content-Type")}
		}
		a.SetHeader(h, v.Age, boundary)
	}
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
	out.guard.before()
	w.WriteHeader(a.Status)
	if x.r.Method == http.MethodHead {
		return true
	}
	if m == nil {
		for piece := range e.Body.Range(a.Range.Start, a.Range.Length) {
			out.write(piece)
		}
		return true
	}
	for i, part := range a.Parts {
		out.write([]byte(m.Head(i)))
		for piece := range e.Body.Range(part.Start, part.Length) {
			out.write(piece)
		}
	}
	out.write([]byte(m.End()))
	return true
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
	text := string(said.Append(stack[:0]))
	if before := h[cacheStatusField]; len(before) > 0 { // shared: never written to
		h[cacheStatusField] = append(before[:len(before):len(before)], text)
		return
	}
	x.values.set(h, cacheStatusField, text)
}

// bodyWriter writes an answer's body to a client that must take it at some pace.
type bodyWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	x     *exchange
	guard progress
}

// writer is the exchange's own: an answer from memory shall cost no more than it must.
func (x *exchange) writer(w http.ResponseWriter) *bodyWriter {
	b := &x.out
	b.w, b.rc, b.x = w, http.NewResponseController(w), x
	b.guard.limit, b.guard.set, b.guard.h2 = x.conn.timeouts.write, b.rc.SetWriteDeadline, x.r.ProtoMajor == 2
	return b
}

// write writes a piece. If the client doesn't take it, the answer is cut off.
func (b *bodyWriter) write(piece []byte) {
	for len(piece) > 0 {
		part := piece[:min(len(piece), bufferSize)]
		b.guard.before()
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
	if b.rc.Flush() != nil {
		b.x.abort(errClientGone)
	}
}

// abort ends the client's connection: it must not take a part for the whole.
func (x *exchange) abort(why errorType) {
	x.record.Reason, x.record.Aborted = string(why), true
	panic(http.ErrAbortHandler)
}
