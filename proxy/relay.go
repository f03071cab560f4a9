package proxy

import (
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// bufferSize is how much of a body is in hand at a time.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// relay passes an upstream's answer on: header, body as it comes, trailers. A
// failure says why an answer that had begun could not be finished.
func relay(w *beginning, x *exchange, resp *http.Response) *failure {
	announced := len(resp.Trailer)
	if announced > 0 && x.r.ProtoMajor == 1 {
		delete(resp.Header, "Content-Length") // HTTP/1.1 has trailers behind chunks only
		resp.ContentLength = -1
	}
	guard := &x.writer(w).guard
	if x.r.ProtoMajor == 2 && cameWhole(resp) {
		guard.limit = 0 // net/http takes it at once, and sends it when the handler has returned
	}
	defer guard.end()
	guard.before()
	x.record.Status = resp.StatusCode
	relayHeader(w, x, resp)
	if resp.ContentLength != 0 && x.r.Method != http.MethodHead && bodyAllowed(resp.StatusCode) {
		if f := copyBody(w, x, resp, guard); f != nil {
			return f
		}
	}
	if len(resp.Trailer) > 0 {
		relayTrailer(w, resp.Trailer, announced)
	}
	return nil
}

// cameWhole says whether an answer is a short one of which all came with its header.
func cameWhole(resp *http.Response) bool {
	b, ok := resp.Body.(*upstreamBody)
	return ok && !b.came.IsZero() && resp.ContentLength <= shortAnswer && len(resp.Trailer) == 0
}

// relayHeader passes an answer's header on, with what Levee has to say. Our own
// engine writes the upstream's down as it is; others want it in theirs.
func relayHeader(w *beginning, x *exchange, resp *http.Response) {
	direct, ok := w.ResponseWriter.(fieldsWriter)
	listed := fields.ListedIn(resp.Header)
	if ok = ok && len(resp.Trailer) == 0 && listed == nil; !ok {
		h := w.Header()
		fields.CopyEndToEnd(h, resp.Header)
		unsniffed(h)
		for name := range resp.Trailer {
			h["Trailer"] = append(h["Trailer"], name)
		}
	}
	if x.turn.route != nil {
		before := resp.Header[cacheStatusField]
		if listed != nil && fields.Lists(listed, cacheStatusField) {
			before = nil
		}
		w.Header()[cacheStatusField] = x.cacheStatus(before, &cache.Status{Forward: x.turn.forward})
	}
	if x.closing {
		w.Header()["Connection"] = closeValues
	}
	if resp.ContentLength >= 0 && len(resp.Header["Content-Length"]) == 0 && x.r.Method != http.MethodHead && bodyAllowed(resp.StatusCode) {
		w.Header()["Content-Length"] = []string{strconv.FormatInt(resp.ContentLength, 10)}
	}
	if !ok {
		w.WriteHeader(resp.StatusCode)
		return
	}
	w.begun, x.direct = true, true
	direct.WriteFields(resp.StatusCode, resp.Header, fields.HopByHop)
}

// fieldsWriter writes an answer's header without having it copied: our own
// engine does.
type fieldsWriter interface {
	WriteFields(status int, h http.Header, leave func(name string) bool)
}

// copyBody streams: what comes is passed on at once, unless it is the end of
// an answer whose length is known, which goes out by itself.
func copyBody(w http.ResponseWriter, x *exchange, resp *http.Response, guard *progress) *failure {
	left := resp.ContentLength
	// net/http's HTTP/2 returns from a Write when the stream is reset, while the frame
	// may still be waiting to be written from the buffer: it must not get another
	// answer's bytes.
	refused := false
	buf := x.short[:]
	if left < 0 || left >= int64(len(buf)) {
		pooled := buffers.Get().(*[bufferSize]byte)
		defer func() {
			if !refused {
				buffers.Put(pooled)
			}
		}()
		buf = pooled[:]
	}
	if left < 0 {
		if err := http.NewResponseController(w).Flush(); err != nil { // the header, before the body's first byte is there
			return clientGone(err)
		}
	}
	guard.after()
	for {
		n, rerr := resp.Body.Read(buf)
		if n > 0 {
			guard.before()
			wrote, werr := w.Write(buf[:n])
			x.record.BytesOut += int64(wrote)
			if werr != nil {
				refused = true
				return clientGone(werr)
			}
			left -= int64(n)
			if rerr == nil && left != 0 {
				if err := http.NewResponseController(w).Flush(); err != nil {
					return clientGone(err)
				}
			}
			guard.after()
		}
		switch {
		case rerr == io.EOF:
			guard.before() // for what the server still writes
			return nil
		case rerr != nil:
			return x.cutShort(rerr)
		}
	}
}

// clientGone is the failure of an answer that its client doesn't take.
func clientGone(err error) *failure {
	return &failure{answer: answer{status: statusClientGone, kind: errClientGone}, cut: true, err: err}
}

// cutShort says why an answer that had begun can't be finished.
func (x *exchange) cutShort(err error) *failure {
	f := x.explain(err)
	if f.kind == errTerminated || f.kind == errProtocol {
		f.kind = errResponseIncoming
	}
	return f
}

// relayTrailer passes the upstream's trailers on. Those that it announced in
// its header were announced to the client; others go by net/http's prefix. What
// may not be a trailer (RFC 9110, section 6.5.1) ends here: some would merge it
// into the header, where it would say how the message is framed, or to be read.
func relayTrailer(w http.ResponseWriter, trailer http.Header, announced int) {
	h := w.Header()
	asAnnounced := len(trailer) == announced
	maps.DeleteFunc(trailer, func(name string, _ []string) bool { return !httpguts.ValidTrailerHeader(name) })
	if asAnnounced {
		maps.Copy(h, trailer)
		return
	}
	_ = http.NewResponseController(w).Flush() // chunked framing, without which HTTP/1.1 has no trailers
	for name, values := range trailer {
		h[http.TrailerPrefix+name] = values
	}
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// lasting says whether an answer is meant to go on: an event stream ends when
// one side wants it to, not at a deadline.
func lasting(h http.Header) bool {
	v := h["Content-Type"]
	return len(v) > 0 && strings.HasPrefix(v[0], "text/event-stream")
}

// upstreamBody is an answer's body. Closing it gives the connection back, for
// another request if it was read to its end.
type upstreamBody struct {
	io.ReadCloser
	conn   *connections.Conn
	permit *permit   // ends with the body: then the service has done its work
	came   time.Time // when its end did, with the header; zero: it is to come
	eof    bool
	once   sync.Once
}

func (b *upstreamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.eof = true
	}
	if err != nil {
		b.permit.end(b.came)
	}
	return n, err
}

func (b *upstreamBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { b.conn.Release(b.eof, b.came) })
	return err
}

// sinceStart is a duration for logs, never negative: until the exchange was over,
// if it is.
func sinceStart(x *exchange) time.Duration {
	end := x.over
	if end.IsZero() {
		end = time.Now()
	}
	return max(0, end.Sub(x.start))
}
