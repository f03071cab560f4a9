package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
)

// exchange is one request on its way: what was found out about it, once, for
// all steps that follow.
type exchange struct {
	r     *http.Request
	gen   *generation
	conn  *clientConn
	route *route

	start     time.Time
	requestID string
	clientIP  string
	grpc      bool
	upgrade   bool // asks for a websocket
	closing   bool // this answer is the last on its connection

	ctx      context.Context
	cancel   context.CancelCauseFunc
	deadline time.Time // zero: none
	bound    bound

	body   requestBody
	record telemetry.Record
}

// isGRPC says whether a message is of a gRPC call: application/grpc, with or
// without a suffix; not gRPC-Web, whose answers aren't read by gRPC's rules.
func isGRPC(h http.Header) bool {
	v := h["Content-Type"]
	if len(v) != 1 || !strings.HasPrefix(v[0], grpcContentType) {
		return false
	}
	rest := v[0][len(grpcContentType):]
	return rest == "" || rest[0] == '+' || rest[0] == ';'
}

// limit bounds the exchange by the deadline, if it has one, and by the route's
// response timeout. A gRPC call's answer may begin when the last message came.
func (x *exchange) limit(total time.Duration, hasTotal bool) {
	x.ctx, x.cancel = context.WithCancelCause(x.r.Context())
	x.bound.cancel = x.cancel
	if !x.grpc {
		x.bound.silence = time.Duration(x.route.cfg.ResponseTimeout)
	}
	if hasTotal {
		x.deadline = x.start.Add(total)
		x.bound.deadline = x.deadline
	}
	x.bound.start(x.start)
}

// finish gives back what the exchange holds.
func (x *exchange) finish() {
	x.body.end()
	if x.cancel != nil {
		x.bound.end()
		x.cancel(nil)
	}
}

// left is the time until the deadline.
func (x *exchange) left(now time.Time) (time.Duration, bool) {
	if x.deadline.IsZero() {
		return 0, false
	}
	return x.deadline.Sub(now), true
}

// attempt is what is learned about sending a request once.
type attempt struct {
	h1only      bool
	conn        *upConn     // that carries it
	wroteHeader atomic.Bool // net/http began to write it
	body        *requestBody

	interimMu sync.Mutex
	interim   int
	over      bool // the final answer has begun: interim ones come too late
}

func (a *attempt) bodyTouched() bool { return a.body != nil && a.body.bytes.Load() > 0 }

// requestBody is the client's body as the upstream's transport reads it. It
// moves the client's read deadline along with progress, counts, and remembers
// how reading failed: then the failure is the client's, not the upstream's.
//
// The transport reads on a goroutine of its own, and may do so after an early
// answer has ended the exchange, when the server has taken its response writer
// back: from then on nothing of it may be touched. And it closes a body when
// it is done with it, at times before the exchange is over; closing the
// client's own is left to the server.
type requestBody struct {
	src     io.ReadCloser
	trailer func()
	bound   *bound
	bytes   atomic.Int64

	mu    sync.Mutex
	guard progress
	ended bool  // the exchange is over
	err   error // the first that isn't io.EOF
}

func (b *requestBody) Read(p []byte) (int, error) {
	if !b.alive((*progress).before) {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.src.Read(p)
	if n > 0 {
		b.bytes.Add(int64(n))
		b.bound.moved(time.Now())
	}
	switch {
	case err == io.EOF:
		if b.alive((*progress).done) && b.trailer != nil {
			b.trailer()
		}
	case err != nil:
		b.mu.Lock()
		if b.err == nil {
			b.err = err
		}
		b.mu.Unlock()
	}
	return n, err
}

// alive does what moves the client's deadline, unless the exchange is over.
func (b *requestBody) alive(move func(*progress)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	move(&b.guard)
	return true
}

// end cuts the body off from the client's connection.
func (b *requestBody) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
}

func (b *requestBody) Close() error { return nil }

func (b *requestBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// progress moves a deadline on a client's connection along with a transfer: it
// ends what stands still and leaves alone what is only slow. The deadline is
// set again after a quarter of its time at most, to spare a call per read.
type progress struct {
	limit time.Duration
	set   func(time.Time) error
	last  time.Time
}

func (g *progress) before() {
	if g.limit <= 0 {
		return
	}
	if now := time.Now(); g.last.IsZero() || now.Sub(g.last) > g.limit/4 {
		g.last = now
		_ = g.set(now.Add(g.limit)) // a connection without deadlines has none to move
	}
}

func (g *progress) done() {
	if !g.last.IsZero() {
		g.last = time.Time{}
		_ = g.set(time.Time{})
	}
}
