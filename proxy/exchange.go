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

	start       time.Time
	requestID   string
	clientIP    string
	grpc        bool
	upgrade     bool // asks for a websocket
	ownDeadline bool // the deadline is the route's own, not a shorter one of the client's
	closing     bool // this answer is the last on its connection

	ctx      context.Context
	cancel   context.CancelCauseFunc
	deadline time.Time // zero: none
	bound    bound

	body   requestBody
	record telemetry.Record
	values fieldValues
}

// fieldValues is room for the values of the fields that Levee writes, to spare
// an allocation for each.
type fieldValues struct {
	room [10]string
	n    int
}

// set gives a header a field with one value.
func (v *fieldValues) set(h http.Header, name, value string) {
	if v.n == len(v.room) {
		h[name] = []string{value}
		return
	}
	v.room[v.n] = value
	h[name] = v.room[v.n : v.n+1 : v.n+1]
	v.n++
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
	expects     bool // the client waits for a 100 before it sends its body

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
	guard *progress // nil: the client may be silent
	ended bool      // the exchange is over
	err   error     // the first that isn't io.EOF
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
		if b.alive((*progress).lift) && b.trailer != nil {
			b.trailer()
		}
	case err != nil:
		b.mu.Lock()
		if b.err == nil {
			b.err = err
		}
		b.mu.Unlock()
	default:
		b.alive((*progress).after)
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
	if b.guard != nil {
		move(b.guard)
	}
	return true
}

// answered lifts the deadline: once the answer has begun, a client that only
// listens is no slow client.
func (b *requestBody) answered() {
	b.alive((*progress).lift)
	b.mu.Lock()
	b.guard = nil
	b.mu.Unlock()
}

// end cuts the body off from the client's connection.
func (b *requestBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.guard != nil {
		b.guard.end()
	}
}

func (b *requestBody) Close() error { return nil }

func (b *requestBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// progress moves a deadline on a client's connection along with a transfer: it
// ends what stands still and leaves alone what is only slow.
//
// Over HTTP/1.1 it sets the connection's deadline, which counts only while a
// read or write is under way, and again after a quarter of its time at most,
// to spare a call per piece. Over HTTP/2 a deadline ends the stream whenever it
// passes, also when nothing is under way, so there a timer runs between before
// and after. The timer must not outlive the exchange: end stops it for good.
type progress struct {
	limit time.Duration
	set   func(time.Time) error
	h2    bool
	last  time.Time

	mu    sync.Mutex
	timer *time.Timer
	armed bool
	ended bool
}

func newProgress(r *http.Request, limit time.Duration, set func(time.Time) error) *progress {
	return &progress{limit: limit, set: set, h2: r.ProtoMajor == 2}
}

// before begins a read or write.
func (g *progress) before() {
	if g == nil || g.limit <= 0 {
		return
	}
	if !g.h2 {
		if now := time.Now(); g.last.IsZero() || now.Sub(g.last) > g.limit/4 {
			g.last = now
			_ = g.set(now.Add(g.limit)) // a connection without deadlines has none to move
		}
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ended:
	case g.timer == nil:
		g.armed = true
		g.timer = time.AfterFunc(g.limit, g.stuck)
	default:
		g.armed = true
		g.timer.Reset(g.limit)
	}
}

// after ends it.
func (g *progress) after() {
	if g == nil || !g.h2 || g.limit <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed = false
	if g.timer != nil {
		g.timer.Stop()
	}
}

func (g *progress) stuck() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.armed && !g.ended {
		_ = g.set(time.Now())
	}
}

// lift takes the deadline away.
func (g *progress) lift() {
	g.after()
	if !g.h2 && !g.last.IsZero() {
		g.last = time.Time{}
		_ = g.set(time.Time{})
	}
}

// end is for when the exchange is over and its connection may not be touched.
func (g *progress) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if g.timer != nil {
		g.timer.Stop()
	}
}
