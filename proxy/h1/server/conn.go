package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// conn is a client's connection. One goroutine reads its requests, calls the
// handler, and writes the answers.
type conn struct {
	s    *Server
	nc   net.Conn // as it was given to Serve
	wire *wire
	rw   net.Conn // wire, or TLS above it
	tls  *tls.Conn

	state    atomic.Int32
	ctx      context.Context // of all requests: values
	tlsState *tls.ConnectionState
	remote   string

	src   source
	try   func(fd uintptr) bool // src.tryRaw
	r     h1.Reader
	first bool // no request has come yet
	post  bool // the last one was a POST

	bufs, unwritten net.Buffers // room for what is written at once, and what of it is left

	current atomic.Pointer[exchange] // nil: none
}

// The states of a connection.
const (
	stateNew int32 = iota
	stateActive
	stateIdle
	stateClosed // by Shutdown
)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc, wire: newWire(nc), first: true}
	c.rw = c.wire
	c.src.c = c
	c.try = c.src.tryRaw
	c.r.Reset(&c.src)
	return c
}

// tell tells who asked for it of the connection's state.
func (c *conn) tell(state http.ConnState) {
	if hook := c.s.cfg.ConnState; hook != nil {
		hook(c.nc, state)
	}
}

// closeIfIdle closes the connection unless a request is being read or answered.
// One on which none has come is given its time.
func (c *conn) closeIfIdle() {
	if c.state.CompareAndSwap(stateIdle, stateClosed) {
		c.nc.Close()
	}
}

// cancel cancels the request that runs.
func (c *conn) cancel(err error) {
	if x := c.current.Load(); x != nil {
		x.ctx.End(err)
	}
}

// serve serves the connection to its end.
func (c *conn) serve() {
	ended := http.StateClosed
	defer func() {
		if v := recover(); v != nil { // not a handler's: of reading or writing
			c.s.logf("panic on the connection of %s: %v\n%s", c.remote, v, debug.Stack())
			ended = http.StateClosed
		}
		if ended == http.StateClosed {
			c.rw.Close()
			c.nc.Close()
		}
		c.s.forget(c)
		c.tell(ended)
	}()
	c.begin()
	if c.tls != nil && !c.handshake() {
		if c.negotiatedHTTP2() {
			ended = http.StateHijacked
			c.handOver(nil)
		}
		return
	}
	for {
		if !c.await() {
			return
		}
		c.src.begin(c.s.cfg.Header)
		if c.first && c.tls == nil && c.prefaced() {
			ended = http.StateHijacked
			c.handOver(c.r.Peek())
			return
		}
		switch c.serveOne() {
		case over:
			return
		case taken:
			ended = http.StateHijacked
			return
		}
		c.first = false
		c.tell(http.StateIdle)
	}
}

// begin finds out what all requests of the connection have in common.
func (c *conn) begin() {
	cfg := &c.s.cfg
	if a := c.nc.RemoteAddr(); a != nil {
		c.remote = a.String()
	}
	c.ctx = cfg.Base
	if cfg.ConnContext != nil {
		c.ctx = cfg.ConnContext(c.ctx, c.nc)
	}
	c.ctx = context.WithValue(c.ctx, http.LocalAddrContextKey, c.nc.LocalAddr())
	if cfg.TLS != nil {
		c.tls = tls.Server(c.wire, cfg.TLS)
		c.rw = c.tls
	}
}

// await waits for a request's first bytes. False: none will come.
func (c *conn) await() bool {
	if c.r.Buffered() == 0 {
		c.r.Release()
		wait := c.s.cfg.Idle
		if c.first {
			wait = c.s.cfg.Header
		} else {
			c.state.Store(stateIdle)
		}
		if c.s.closing.Load() && !c.first {
			return false
		}
		if wait > 0 {
			_ = c.wire.boundRead(wait)
		}
		if c.src.wait() != nil {
			return false
		}
	}
	if c.first { // Shutdown leaves it alone
		c.state.Store(stateActive)
		return true
	}
	return c.state.CompareAndSwap(stateIdle, stateActive) || c.state.Load() == stateActive
}

// fate is what becomes of a connection behind a request.
type fate uint8

const (
	over  fate = iota // it is closed
	next              // another request may come
	taken             // it was hijacked
)

// serveOne serves a request of which the first bytes have come.
func (c *conn) serveOne() fate {
	x := c.s.takeExchange()
	x.c, x.ctx.base = c, c.ctx
	if !c.read(x) {
		c.s.putExchange(x)
		return over
	}
	c.fill(x)
	h := x.head
	if c.s.cfg.Express != nil && h.Framing.Kind == h1.None && h.Minor > 0 && !h.Close && !h.Upgrade {
		if answered, fate := c.express(x.req); answered {
			c.s.putExchange(x)
			return fate
		}
	}
	fate := c.exchange(x)
	if fate == next && x.alone() {
		c.s.putExchange(x)
	}
	return fate
}

// exchange calls the handler, and sees to what is left when it returns.
func (c *conn) exchange(x *exchange) fate {
	x.body.begin(x)
	if x.body.whole() {
		c.r.Release() // there may be long to wait until it is needed again
	} else {
		x.req.Body = &x.body
	}
	c.current.Store(x)
	if base := c.s.cfg.Base; base.Err() != nil { // it may have ended just before
		x.ctx.End(base.Err())
	}
	aborted := x.handle()
	x.letGo = x.ctx.End(context.Canceled) && x.ctx.Unheard() && x.letGo && x.body.whole()
	if x.watching {
		x.unwatch()
	}
	c.current.Store(nil)
	switch {
	case x.hijacked:
		return taken
	case aborted:
		x.abort()
		return over
	}
	again := x.finish()
	switch {
	case again:
		return next
	case !x.body.whole() || c.r.Buffered() > 0:
		c.linger()
	}
	return over
}

// express asks whether there is an answer already, and sends it.
func (c *conn) express(r *http.Request) (answered bool, f fate) {
	out := takeOut()
	defer giveOut(out)
	head, body := c.s.cfg.Express(c.nc, r, (*out)[:0])
	if len(head) == 0 {
		return false, over
	}
	c.boundWrite()
	*out = head
	var err error
	if len(body) == 0 {
		_, err = c.rw.Write(head)
	} else {
		err = c.write(out, body...)
	}
	if told := c.s.cfg.Expressed; told != nil {
		told(c.nc, err)
	}
	if err != nil {
		return true, over
	}
	return true, next
}

// read reads a request's head, within the time that src.begin has let run. Where
// it is none, the client is told.
func (c *conn) read(x *exchange) bool {
	if c.post {
		c.post = false
		c.skipCRLF()
	}
	err := c.r.ReadRequest(x.head, &c.s.cfg.Limits)
	c.src.end()
	if err == nil {
		err = h1.ParseTarget(&x.url, x.head.Method, x.head.Target)
	}
	if err != nil {
		c.refuse(err)
		return false
	}
	c.post = x.head.Method == http.MethodPost
	return true
}

// skipCRLF skips an empty line behind a POST, which old clients send (RFC 9112,
// section 2.2).
func (c *conn) skipCRLF() {
	b := c.r.Peek()
	if len(b) == 1 && b[0] == '\r' && c.r.Fill() == nil {
		b = c.r.Peek()
	}
	if strings.HasPrefix(string(b[:min(len(b), 2)]), "\r\n") {
		var two [2]byte
		_, _ = c.r.Read(two[:])
	}
}

// fill makes the request of its head. That of the body is still to be said.
func (c *conn) fill(x *exchange) {
	r, h, u := x.req, x.head, &x.url
	r.Method, r.URL, r.Proto, r.ProtoMajor, r.ProtoMinor = h.Method, u, "HTTP/1.1", 1, h.Minor
	r.Header, r.Body, r.ContentLength, r.Close = h.Header, http.NoBody, h.Framing.ContentLength(), h.Close
	r.Host, r.Trailer, r.RemoteAddr, r.RequestURI, r.TLS = h.Host, h.Trailer, c.remote, h.Target, c.tlsState
	if h.Minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	if u.Host != "" {
		r.Host = u.Host
	}
	if h.Framing.Kind == h1.Chunked {
		r.TransferEncoding = []string{"chunked"}
	}
}

// lingering is how long a connection that is closed on a client which still
// sends is read for nothing: the system would reset it otherwise, and the answer
// might be lost with it (RFC 9112, section 9.6).
const lingering = 500 * time.Millisecond

// linger half-closes the connection and reads for a while.
func (c *conn) linger() {
	if c.tls != nil {
		_ = c.tls.CloseWrite()
	}
	if c.wire.CloseWrite() != nil {
		return
	}
	_ = c.wire.boundRead(lingering)
	b := takeOut()
	defer giveOut(b)
	room := (*b)[:cap(*b)]
	for {
		if _, err := c.wire.Read(room); err != nil {
			return
		}
	}
}
