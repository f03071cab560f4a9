package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/internal/fields"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// exchange is one request on its way.
type exchange struct {
	facts
	rare
	bound  bound
	fields [mostOwnFields]ownField // for those of the first attempt
	short  [shortAnswer]byte       // for a body no longer than that
}

// shortAnswer is how long an answer's body may be for which no buffer is taken.
const shortAnswer = 1 << 10

// facts are what was found out about a request, once, for all steps that follow.
type facts struct {
	r     *http.Request
	gen   *generation
	conn  *clientConn
	route *route

	start       time.Time
	entered     time.Time // when it had its place
	over        time.Time // zero: not yet known
	requestID   string
	client      netip.Addr
	clientIP    string
	grpc        bool
	upgrade     bool // asks for a websocket
	ownDeadline bool // the deadline is the route's own, not a shorter one of the client's
	sent        bool // to the upstream, or at least begun
	unmarked    bool // it surely has no field that tells of which call it is an attempt, or which one
	headerSize  int  // about what the request's header takes of memory, in bytes
	exposed     int  // attempts of which the upstream may have got something
	closing     bool // this answer is the last on its connection

	priority     limiter.Priority
	priorityText string // as it is passed on
	class        int    // in the upstream's classes
	clientHash   uint64 // who asks; 0: nobody in particular
	attempt      int    // 1 for a first one, more for a retry, said or inferred
	account      account
	returnAfter  int // seconds, for a refusal that tells when to come back
	endpoint     *endpoint
	permit       permit // at the endpoint
	first        attempt

	ctx      context.Context // ending, once it has begun
	cancel   context.CancelCauseFunc
	ending   h1.Ending
	deadline time.Time // zero: none
	retrying *retrying // again, or nil: the request is sent once

	run      *guardedRun // that this exchange is of; nil: it is its client's own
	fetch    *fetch      // the same, for the cache
	began    beginning   // of the answer
	out      bodyWriter
	held     *heldBody // the body, where it was read before it is sent
	content  uint64    // a hash of a QUERY's body; 0: not known
	body     requestBody
	trailers *trailers // of the body; nil: nothing was sent yet
	record   telemetry.Record
	values   *fields.Values

	direct bool // the upstream's header was written down as it was, and nobody has any of it
	free   bool // nobody else has got hold of it: see exchanges
}

// rare are facts that only some requests have: what is large and hardly ever used
// is neither cleared for each nor in the way of the rest in the processor's caches.
type rare struct {
	turn  cacheTurn // the cache's part in it
	again retrying  // what facts.retrying is, where it is something
}

// takeBody prepares for the client's body. Over HTTP/1.1 the answer may begin
// before the body ends: otherwise the server would read the rest first, with
// no deadline, also for an answer of Levee's own.
func (x *exchange) takeBody(w http.ResponseWriter) {
	if x.r.Body == nil || x.r.Body == http.NoBody {
		return
	}
	if x.r.ContentLength == 0 && len(x.r.Trailer) == 0 { // over HTTP/2, where each request has something to read from
		return
	}
	if present(x.r) {
		x.body.src, x.body.bound, x.body.present, x.body.setDeadline = x.r.Body, &x.bound, true, noDeadline
		_ = http.NewResponseController(w).EnableFullDuplex()
		return
	}
	rc := http.NewResponseController(w)
	setDeadline := rc.SetReadDeadline
	x.body.src, x.body.bound, x.body.setDeadline = x.r.Body, &x.bound, setDeadline
	if !x.grpc || x.r.ProtoMajor == 1 { // over HTTP/2 its clients may be silent for as long as the call lasts
		x.body.guard = newProgress(x.r, x.conn.timeouts.read, setDeadline)
	}
	if x.r.ProtoMajor == 1 {
		_ = rc.EnableFullDuplex()
	}
}

// present says whether all of a request's body came together with its header, as
// short ones do: then nobody ever waits for its client, and it needs no watching.
// A longer one, which a large header's buffer may have room for, is sent by a
// goroutine that may come to its end later than the exchange.
func present(r *http.Request) bool {
	return r.ProtoMajor == 1 && 0 < r.ContentLength && r.ContentLength <= client.ShortBody && r.Header["Expect"] == nil && client.AllReady(r.Body, r.ContentLength)
}

// noDeadline is for a body that nobody waits for.
func noDeadline(time.Time) error { return nil }

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

// setDeadline takes the deadline from the route and from the client's headers.
func (x *exchange) setDeadline(trusted bool) {
	client, has := signals.Timeout(x.r.Header, x.gen.deadlineHeader, trusted)
	if x.fetch != nil { // it is for others too
		client, has = 0, false
	}
	own := x.route.timeouts.whole
	if total, bounded := requestTimeout(own, client, has); bounded {
		x.deadline = x.start.Add(total)
	}
	x.ownDeadline = own > 0 && (!has || client >= own)
}

// limit bounds the exchange by the deadline, if it has one, and by the route's
// response timeout. A gRPC call's answer may begin when the last message came.
func (x *exchange) limit() {
	if x.cancel != nil {
		return
	}
	x.ending.Follow(x.r.Context())
	if x.bound.cancel == nil {
		x.bound.cancel = x.ending.Cancel
	}
	x.ctx, x.cancel = &x.ending, x.bound.cancel
	l := limits{deadline: x.deadline, permit: &x.permit, body: &x.body}
	if !x.grpc {
		l.silence = x.route.timeouts.answer
	}
	x.bound.start(l, x.body.src != nil && !x.body.present, x.start)
}

// finish gives back what the exchange holds.
func (x *exchange) finish() {
	free := x.free
	x.free = false
	unread := x.body.end()
	if unread && x.r.ProtoMajor != 1 {
		x.body.halt(time.Now())
	}
	if x.cancel != nil || x.endpoint != nil || x.account.in != nil {
		x.over = time.Now()
	}
	if x.cancel != nil {
		x.bound.end(x.over)
		if x.retrying != nil {
			x.retrying.settle()
		}
		x.cancel(nil)
	}
	if x.endpoint != nil {
		x.permit.end(x.over)
	}
	x.account.close(x.over)
	if x.held != nil {
		x.held.release()
	}
	if x.retrying != nil { // behind cancel, which ends what is still under way
		x.retrying.end(time.Time{})
	}
	if x.free = free && (x.cancel == nil || x.ending.Unheard() && (x.retrying == nil || x.first.life.Unheard())); !x.free {
		x.values.Release()
		x.values = nil
		x.permit.forget()
		if x.cancel != nil {
			x.bound.let()
		}
	}
	if unread && x.r.ProtoMajor == 1 { // last: it may take its time
		if x.over.IsZero() {
			x.over = time.Now()
		}
		x.letGo()
	}
}

// left is the time until the deadline.
func (x *exchange) left(now time.Time) (time.Duration, bool) {
	if x.deadline.IsZero() {
		return 0, false
	}
	return x.deadline.Sub(now), true
}
