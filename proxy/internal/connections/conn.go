package connections

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// Conn is one connection to an endpoint, which sends each request once and
// never again by itself, on a wire of ours: net/http's client connection, or, for
// HTTP/1.1 where the engine is lean, our own.
type Conn struct {
	// H2: it speaks HTTP/2, and many requests share it. An HTTP/1.1 connection has
	// one at a time.
	H2 bool

	cc   *http.ClientConn
	lean *client.Conn // nil: it is cc
	wire *wireConn

	lastUsed time.Time // guarded by the pool's lock
}

// wireConn is the byte stream under a Conn, below TLS and below the
// transport's buffers. It knows two things that net/http doesn't tell:
//
//   - how many bytes were written, so that a request of which nothing left
//     this host may go out on another connection without being a second attempt;
//   - whether the transport's reader is waiting for more. Only then is
//     nothing left over from the last response, and only then may an HTTP/1.1
//     connection be used again: bytes that an upstream sends after its response
//     would be taken for the answer to somebody else's next request.
//
// Under the lean engine it knows the first only: nobody reads from an idle
// connection, and what was left over is seen when it is to be used again.
type wireConn struct {
	net.Conn
	pool    *Pool
	budget  *Budget
	direct  *socket.Socket // nil: Conn is another's
	reader  io.Reader
	writer  io.Writer
	shared  *sharedWriter   // writer, where it speaks HTTP/2; set before the first request
	socket  syscall.RawConn // nil where the transport below has none
	peek    func(fd uintptr)
	silent  bool // what peek found
	reading reading
	written atomic.Int64

	lean bool  // no reader waits; set before the first request
	rest *rest // of a TLS connection of the lean engine

	mu     sync.Mutex
	conn   *Conn // set once dialled; nil before
	parked bool  // the reader waits in Read
	free   bool  // no request uses the connection
	queued bool  // it is in the pool's idle list
	closed bool

	settled chan struct{} // closed once the upstream's HTTP/2 settings are in force, or nothing will come
	settles sync.Once
	writes  atomic.Int32 // since the connection was ready for requests
}

// share lets several requests at a time write to it.
func (w *wireConn) share() {
	w.shared = newSharedWriter(w.writer)
	w.writer = w.shared
}

// settle tells who waits for the upstream's settings.
func (w *wireConn) settle() { w.settles.Do(func() { close(w.settled) }) }

// The writes of a TLS handshake don't count towards an HTTP/2 connection's own:
// the first of those is the preface, the second acknowledges the upstream's
// settings, which net/http does once it goes by them.
const (
	handshaking  = -1 << 20
	acknowledged = 2
)

func newWireConn(nc net.Conn, p *Pool, budget *Budget) *wireConn {
	w := &wireConn{Conn: nc, reader: nc, writer: nc, pool: p, budget: budget, settled: make(chan struct{})}
	if w.direct = socket.Of(nc); w.direct != nil {
		w.reader, w.writer = w.direct, w.direct
	}
	if sc, ok := nc.(syscall.Conn); ok {
		w.socket, _ = sc.SyscallConn()
		w.peek = func(fd uintptr) { w.silent = nothingToRead(int(fd)) }
		switch nc.(type) {
		case *net.TCPConn, *net.UnixConn: // another's Read may be more than the socket's
			w.reading.try = w.tryRead
		}
	}
	return w
}

func (w *wireConn) Read(p []byte) (int, error) {
	if w.lean {
		return w.rest.read(w.reader, p)
	}
	w.mu.Lock()
	w.parked = true
	idle := w.becomesIdle()
	w.mu.Unlock()
	if idle != nil {
		w.pool.put(idle, time.Time{})
	}
	n, err := w.receive(p)
	w.rest.pass(p[:n])
	return n, err
}

func (w *wireConn) Write(p []byte) (int, error) {
	n, err := w.writer.Write(p)
	w.written.Add(int64(n))
	if w.writes.Add(1) == acknowledged {
		w.settle()
	}
	return n, err
}

// turningConn is a wireConn without TLS above it, that looks by itself whether it
// is still fit for another request. It implements [client.Turner].
type turningConn struct {
	*wireConn
	socket *socket.Socket
}

// Turn writes a request and reads the beginning of its answer.
func (w turningConn) Turn(out, in []byte) (int, error) {
	wrote, n, err := w.socket.Turn(out, in)
	w.written.Add(int64(wrote))
	return n, err
}

// Quiet says whether nothing came while the connection was idle.
func (w turningConn) Quiet() bool { return w.quiet() }

// Close closes the connection and tells the pool, once.
func (w *wireConn) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	err := w.Conn.Close()
	if first {
		w.settle() // nothing will come
		w.budget.release()
		w.pool.Forget()
	}
	return err
}

// CloseWrite half-closes the connection where the transport below can.
func (w *wireConn) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// becomesIdle gives the connection if it has just become fit for the idle
// list: its request is over and its reader waits. Either may come last. The
// lock must be held.
func (w *wireConn) becomesIdle() *Conn {
	if !w.parked || !w.free || w.queued || w.closed || w.conn == nil {
		return nil
	}
	w.queued = true
	return w.conn
}

// RoundTrip sends a request, once.
func (c *Conn) RoundTrip(ctx context.Context, req *http.Request) (*http.Response, error) {
	if c.lean != nil {
		return c.lean.RoundTrip(ctx, req, nil)
	}
	if s := c.wire.shared; s != nil {
		s.asking.Add(1)
		defer s.asking.Add(-1)
	}
	return c.cc.RoundTrip(req.WithContext(ctx))
}

// Ours is the lean engine's connection, by which a request can hear more of its
// way; nil: it is net/http's.
func (c *Conn) Ours() *client.Conn { return c.lean }

// Written is how many bytes were written on the connection, below TLS.
func (c *Conn) Written() int64 { return c.wire.written.Load() }

// Close closes the connection.
func (c *Conn) Close() {
	if c.lean != nil {
		c.lean.Close()
		return
	}
	c.cc.Close()
}

// Release ends a request's use of an HTTP/1.1 connection. A connection whose
// response wasn't read to its end can't be used again.
func (c *Conn) Release(reusable bool, now time.Time) {
	switch {
	case c.H2:
		return
	case !reusable:
		c.Close()
		return
	case c.lean != nil && !c.lean.Reusable():
		c.Close()
		return
	case c.lean != nil:
		c.wire.pool.put(c, now)
		return
	}
	c.wire.mu.Lock()
	c.wire.free = true
	idle := c.wire.becomesIdle()
	c.wire.mu.Unlock()
	if idle != nil {
		c.wire.pool.put(idle, now)
	}
}

// take gives an idle HTTP/1.1 connection to a request, if it is still fit.
func (c *Conn) take() bool {
	if c.lean != nil {
		if c.lean.Looks() || c.fresh() {
			return true
		}
		c.Close()
		return false
	}
	c.wire.mu.Lock()
	fit := c.wire.fit()
	c.wire.free, c.wire.queued = false, false
	c.wire.mu.Unlock()
	if fit && c.cc.Err() == nil {
		return true
	}
	c.cc.Close()
	return false
}

// fit says whether a connection whose reader waits may be used: it is open, and
// nothing came, neither to the socket nor already to the reader. The lock must
// be held.
func (w *wireConn) fit() bool { return w.parked && !w.closed && w.quiet() }

// fresh looks whether an idle connection of the lean engine may be used, and is
// worth keeping: it is open, and nothing came while it was idle.
func (c *Conn) fresh() bool { return c.wire.quiet() && c.wire.rest.none() }

// quiet looks at the socket itself: an end or bytes that have arrived, but
// that the reader hasn't got round to, make the connection unfit. Without
// retries, each request that meets a dying connection would be a 502.
func (w *wireConn) quiet() bool {
	if w.socket == nil {
		return true
	}
	w.silent = false
	// Control, not Read: the reader holds the descriptor's read lock.
	err := w.socket.Control(w.peek)
	return err == nil && w.silent
}
