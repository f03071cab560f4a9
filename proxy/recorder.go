package proxy

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/levee-proxy/levee/internal/idempotency"
)

// recorder takes an upstream's answer to a keyed request instead of the
// client, which gets it once it was stored. An answer that is too large, or
// that is meant to last, is stored as answered and without its body, and
// streamed to the client from then on.
type recorder struct {
	run     *guardedRun
	w       *beginning // the client's
	limit   int
	closing bool // the answer is the last on the client's connection
	header  http.Header

	status int
	begun  http.Header // as it was when the answer's body began
	body   bytes.Buffer
	stream http.ResponseWriter // the client's, once it is streamed to
	gone   bool                // nobody is there to stream to
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header {
	if r.stream != nil {
		return r.stream.Header()
	}
	return r.header
}

// WriteHeader implements http.ResponseWriter. Interim answers end here: by the
// time the final one is sent they are old.
func (r *recorder) WriteHeader(status int) {
	if status < 200 {
		return
	}
	r.status, r.begun = status, maps.Clone(r.header)
	if lasting(r.header) {
		r.overflow()
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.stream == nil && !r.gone && r.body.Len()+len(p) > r.limit {
		r.overflow()
	}
	switch {
	case r.gone:
		return 0, http.ErrAbortHandler
	case r.stream != nil:
		return r.stream.Write(p)
	}
	return r.body.Write(p)
}

// overflow stores that there was an answer, and gives the client what has come
// of it so far. Nobody takes the rest of it where the client has left: then the
// upstream is told, or a stream that is silent would last for ever.
func (r *recorder) overflow() {
	r.run.finish(&idempotency.Answer{Status: r.status, BodyLost: true})
	w := r.run.startStream(r.w, lasting(r.begun))
	if w == nil {
		r.gone = true
		r.run.x.cancel(context.Canceled)
		return
	}
	maps.Copy(w.Header(), r.begun)
	if r.closing {
		w.Header()["Connection"] = closeValues
	}
	r.stream = w
	guard := newProgress(r.run.x.r, r.run.x.conn.timeouts.write, r.SetWriteDeadline)
	defer guard.end()
	guard.before()
	w.WriteHeader(r.status)
	_, err := w.Write(r.body.Bytes())
	guard.after()
	r.gone = err != nil
	r.body.Reset()
}

// startStream makes the client's writer the run's; nil: the client has left. An
// answer that is meant to last is free of the client's deadline too.
func (r *guardedRun) startStream(w *beginning, lasts bool) http.ResponseWriter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return nil
	}
	r.streaming = true
	if lasts {
		r.client.bound.extend(time.Time{}, time.Now())
	}
	return w
}

// FlushError serves [http.ResponseController].
func (r *recorder) FlushError() error {
	if r.stream == nil {
		return nil
	}
	return http.NewResponseController(r.stream).Flush()
}

// SetWriteDeadline serves [http.ResponseController]. Nobody is slow to take
// what is only stored.
func (r *recorder) SetWriteDeadline(t time.Time) error {
	if r.run.streams() {
		return http.NewResponseController(r.w).SetWriteDeadline(t)
	}
	return nil
}

// answer is what was recorded. Fields that came behind the body are trailers.
func (r *recorder) answer() *idempotency.Answer {
	a := &idempotency.Answer{Status: r.status, Header: r.begun, Body: r.body.Bytes()}
	for name, values := range r.header {
		if _, before := r.begun[name]; before {
			continue
		}
		if a.Trailer == nil {
			a.Trailer = http.Header{}
		}
		a.Trailer[strings.TrimPrefix(name, http.TrailerPrefix)] = values
	}
	return a
}
