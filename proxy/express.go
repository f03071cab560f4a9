package proxy

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/signals"
	"golang.org/x/net/http/httpguts"
)

// express answers the refusals on one HTTP/1.1 connection: in front of net/http,
// which then never hears of their requests, or from within the lean engine.
//
// In a storm most requests are refused, and what they cost is taken from the
// service's share of the machine. Of a refusal's cost, net/http's part is the
// largest beside the kernel's: a goroutine that watches for the client's
// leaving, deadlines, a header that is copied and sorted. So while requests are
// being refused, each one is looked at as it comes from the socket. If it would
// be refused, it is answered at once; everything else goes to net/http byte
// for byte, as if nobody had looked.
//
// The lean engine asks, when it has read a request's head, and goes on with it
// where there is no answer. What follows is about net/http, and plain
// connections.
//
// This is safe because it never passes anything on, and because it looks only
// where a request surely begins: as long as each read gave exactly one whole
// request without a body. After the first that didn't, or when in doubt,
// net/http has the connection to itself for good.
type express struct {
	proxy        *Proxy
	idle, header time.Duration // the listener's timeouts

	begins bool // what is read next is the beginning of a request
	exact  bool // net/http was given whole requests only, and holds no rest

	preface []byte  // what net/http already got of the next request, by itself
	account account // of the request that net/http was given last, until it asks

	found   found      // for the request that the handler gets next; nothing: its route wasn't looked for
	looked  *exchange  // of the request that the handler gets next, which isn't a simple hit; nil: it wasn't looked at
	written expressHit // that is being written

	answered  uint64
	readSet   time.Time // when the connection's deadlines were set from here
	writeSet  time.Time
	deadlines bool
}

// shedLately is for how long after a refusal the next one is expected.
const shedLately = 100 * time.Millisecond

// expectsShedding says whether requests are being refused these days.
func (p *Proxy) expectsShedding() bool {
	last := p.lastShed.Load()
	if last == 0 {
		return false
	}
	if clock.Since(time.Now())-time.Duration(last) < shedLately {
		return true
	}
	p.lastShed.CompareAndSwap(last, 0)
	return false
}

// Read is net/http's way to the connection.
func (c *clientConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	e := c.express
	if e == nil || !e.exact {
		return c.Conn.Read(p)
	}
	if !e.begins {
		n, err := c.Conn.Read(p)
		if n == 1 && len(p) == 1 && len(e.preface) == 0 {
			// net/http looks whether the client has left, and has met the next
			// request, whose client was quick.
			e.preface = append(e.preface, p[0])
		} else if n > 0 { // a body, or what comes before its turn
			e.exact = false
		}
		return n, err
	}
	if len(p) < leastBuffer || len(e.preface) > 0 {
		return e.readFirst(c, p)
	}
	for {
		n, err := c.Conn.Read(p)
		if err != nil {
			return n, err
		}
		e.exact = wholeRequest(p[:n])
		if e.exact && e.proxy.expectsShedding() {
			var answered bool
			if answered, err = e.refuse(c, p[:n]); answered {
				continue
			}
			if err != nil {
				return 0, err
			}
		}
		e.begins = false
		e.handOver(c)
		return n, nil
	}
}

// leastBuffer is less than what net/http reads requests into.
const leastBuffer = 1 << 10

// readFirst reads a request of which net/http has the first bytes, or asks for
// them alone, as it does on a new connection to tell HTTP/2 from HTTP/1.1. It is
// too late to answer this one, but not the next.
func (e *express) readFirst(c *clientConn, p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	e.preface = append(e.preface, p[:n]...)
	if len(p) >= leastBuffer || len(e.preface) >= leastBuffer || !served(e.preface) {
		e.exact, e.begins = wholeRequest(e.preface), false
		e.preface = nil
	}
	return n, err
}

// idles is for when net/http has answered a request and waits for the next. Of
// an HTTP/2 connection it hears from any goroutine, and changes nothing.
func (e *express) idles() {
	if e.exact {
		e.begins = true
	}
}

// ends is for when the connection is over. Of an HTTP/2 connection there is
// no account, so nothing changes.
func (e *express) ends() {
	if e.account.in != nil {
		e.account.close(time.Now())
	}
}

// handOver leaves the connection to net/http as it knows it.
func (e *express) handOver(c *clientConn) {
	if !e.deadlines {
		return
	}
	e.deadlines, e.readSet, e.writeSet = false, time.Time{}, time.Time{}
	_ = c.Conn.SetReadDeadline(time.Now().Add(e.header))
	_ = c.SetWriteDeadline(time.Time{})
}

// touch moves the connection's deadlines: a client must take its answers, and
// not be idle for too long. Setting them costs, so that is done now and then.
func (e *express) touch(c *clientConn, now time.Time) {
	if now.Sub(e.readSet) > e.idle/4 {
		e.deadlines, e.readSet = true, now
		_ = c.Conn.SetReadDeadline(now.Add(e.idle))
	}
	if write := c.timeouts.write; write > 0 && now.Sub(e.writeSet) > write/4 {
		e.deadlines, e.writeSet = true, now
		_ = c.SetWriteDeadline(now.Add(write))
	}
}

// scratch is what answering takes, used again and again: of a request that is
// refused here nothing remains.
type scratch struct {
	x   exchange
	src bytes.Reader
	br  *bufio.Reader
	out []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{br: bufio.NewReader(nil)} }}

// refuse answers a whole request, if it is to be refused. An error is one of
// writing the answer.
func (e *express) refuse(c *clientConn, request []byte) (answered bool, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.src.Reset(request)
	s.br.Reset(&s.src)
	r, err := http.ReadRequest(s.br)
	if err != nil || s.br.Buffered() > 0 || s.src.Len() > 0 || !sound(r) {
		return false, nil // net/http has the words for it
	}
	s.out = e.answer(c, r, &s.x, s.out[:0])
	if len(s.out) == 0 {
		return false, nil
	}
	e.touch(c, s.x.start)
	_, err = c.Conn.Write(s.out)
	return err == nil, err
}

// answerLean is for the lean engine, which asks before it makes anything of a
// request without a body. It appends the answer to b, or nothing, and returns
// what of its body isn't there.
func (e *engine) answerLean(nc net.Conn, r *http.Request, b []byte) (head []byte, body [][]byte) {
	c := nc.(*clientConn)
	if head, body = c.express.hit(c, r, b); len(head) > len(b) || !e.proxy.expectsShedding() {
		return head, body
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	return c.express.answer(c, r, &s.x, b), nil
}

// answer appends the answer to a request that is to be refused, or nothing.
func (e *express) answer(c *clientConn, r *http.Request, x *exchange, b []byte) []byte {
	p := e.proxy
	if p.draining.Load() || c.retired() {
		return b
	}
	x.facts = facts{} // a literal with something in it would lie on the stack first, and let that grow
	x.gen, x.route = c.takeFound(p, r)
	x.r, x.conn, x.start = r, c, time.Now()
	if x.route == nil || x.route.caps != nil || x.route.spares() { // a rate cap's tokens are taken once; others may have an answer
		return b
	}
	x.grpc = isGRPC(r.Header)
	if x.grpc || p.admit(x) != nil {
		return b
	}
	refused := x.refuseOutright()
	if refused == nil {
		e.leaveAccount(&x.account, x.start)
		return b
	}
	x.route.metrics.Begin()
	x.record.Route = x.route.name
	x.requestID = requestID(r.Header, x.gen.requestIDHeader, nil)
	p.noteShed(x, refused, x.start)
	b = refused.appendTo(b, x)
	e.answered++
	p.observe(x, x.route.metrics)
	return b
}

// sound takes the looks at a request that net/http's server takes, and
// [http.ReadRequest] doesn't. Of an absolute target it has put the authority in
// the place of the Host, which can't be looked at any more.
func sound(r *http.Request) bool {
	if r.Host == "" || r.URL.Host != "" || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return false
			}
		}
	}
	return true
}

// refuseOutright is enter for a request that is to be refused at once, or nil.
func (x *exchange) refuseOutright() *refusal {
	x.classify()
	u := x.route.upstream
	if !u.isResolved() {
		return nil
	}
	e := u.pick(x.start)
	if left, has := x.left(x.start); e == nil || e.limiter == nil || has && left <= 0 {
		return nil
	}
	x.endpoint, x.record.Endpoint = e, e.address
	if x.overBudget(x.start) {
		return x.refuseRetry(x.start)
	}
	if x.wantsStream() && e.streamsFull() {
		e.streamsShed.Add(1)
		return x.refusal(streamsFull, x.start)
	}
	w := &x.permit.waiter
	x.describe(w)
	if !e.limiter.Refuse(x.start, w) {
		return nil
	}
	return x.refusal(w.Reason, x.start)
}

// leaveAccount keeps the account of a request that was looked at here and
// isn't refused for the step that follows: a request must be counted once, and
// what it took from the budget is taken.
func (e *express) leaveAccount(a *account, now time.Time) {
	e.account.close(now)
	e.account, *a = *a, account{}
}

// takeAccount gives the account that a request left when it was looked at
// below net/http; an empty one, if it wasn't. Those of HTTP/2 never are.
func (c *clientConn) takeAccount(r *http.Request) (a account) {
	if r.ProtoMajor == 1 && c.express != nil && c.express.account.in != nil {
		a, c.express.account = c.express.account, account{}
	}
	return a
}

// appendTo appends the refusal as HTTP/1.1 has it, as net/http would.
func (r *refusal) appendTo(b []byte, x *exchange) []byte {
	b = append(b, r.head...)
	if r.form.timed() {
		b = append(b, signals.RetryAfterHeader+": "...)
		b = strconv.AppendInt(b, int64(x.returnAfter), 10)
		b = append(b, "\r\n"...)
		if r.form == formReturnAWS {
			b = append(b, signals.AWSRetryAfterHeader+": "...)
			b = strconv.AppendInt(b, 1000*int64(x.returnAfter), 10)
			b = append(b, "\r\n"...)
		}
	}
	b = append(b, r.tail...)
	if x.requestID != "" {
		b = append(b, x.gen.requestIDHeader...)
		b = append(b, ": "...)
		b = append(b, x.requestID...)
		b = append(b, "\r\n"...)
	}
	b = append(b, r.last...)
	b = append(b, "Date: "...)
	b = x.start.UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n\r\n"...)
	if x.r.Method != http.MethodHead {
		b = append(b, r.body...)
		x.record.BytesOut += int64(len(r.body))
	}
	return b
}

// wholeRequest says whether b is exactly one request, GET or HEAD, without a
// body, that asks nothing of the connection. It is stricter than it need be:
// what it doesn't know is somebody else's.
func wholeRequest(b []byte) bool {
	if !served(b) {
		return false
	}
	for first := true; ; first = false {
		end := bytes.IndexByte(b, '\r')
		if end < 0 || end+1 == len(b) || b[end+1] != '\n' || bytes.IndexByte(b[:end], '\n') >= 0 {
			return false // a bare CR or LF: parsers differ on them
		}
		line := b[:end]
		b = b[end+2:]
		switch {
		case len(line) == 0:
			return !first && len(b) == 0
		case first:
			if !bytes.HasSuffix(line, []byte(" HTTP/1.1")) {
				return false
			}
		case !plainField(line):
			return false
		}
	}
}

// served says whether a request that begins so may be answered here.
func served(b []byte) bool {
	return bytes.HasPrefix(b, []byte("GET ")) || bytes.HasPrefix(b, []byte("HEAD "))
}

// plainField says whether a field line is none that is about the message's
// framing or the connection.
func plainField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || line[0] == ' ' || line[0] == '\t' || line[colon-1] == ' ' || line[colon-1] == '\t' {
		return false
	}
	is := func(name string) bool { return len(name) == colon && bytes.EqualFold(line[:colon], []byte(name)) }
	switch line[0] | 0x20 {
	case 'c':
		if is("Connection") {
			return bytes.EqualFold(bytes.TrimSpace(line[colon+1:]), []byte("keep-alive"))
		}
		return !is("Content-Length")
	case 't':
		return !is("Transfer-Encoding") && !is("Trailer") && !is("Te")
	case 'e':
		return !is("Expect")
	case 'u':
		return !is("Upgrade")
	}
	return true
}
