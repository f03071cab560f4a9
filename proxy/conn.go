package proxy

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// upConn is one connection to an endpoint: net/http's client connection,
// which sends each request once and never again by itself, on a wire of ours.
type upConn struct {
	cc   *http.ClientConn
	wire *wireConn
	h2   bool // shared by many requests; an HTTP/1.1 connection has one at a time

	lastUsed time.Time // guarded by the pool's lock
}

// wireConn is the byte stream under an upConn, below TLS and below the
// transport's buffers. It knows two things that net/http doesn't tell:
//
//   - how many bytes were written, so that a request of which nothing left
//     this host may go out on another connection without being a second attempt;
//   - whether the transport's reader is waiting for more. Only then is
//     nothing left over from the last response, and only then may an HTTP/1.1
//     connection be used again: bytes that an upstream sends after its response
//     would be taken for the answer to somebody else's next request.
type wireConn struct {
	net.Conn
	pool    *pool
	budget  *descriptorBudget
	socket  syscall.RawConn // nil where the transport below has none
	written atomic.Int64

	mu     sync.Mutex
	conn   *upConn // set once dialled; nil before
	parked bool    // the reader waits in Read
	free   bool    // no request uses the connection
	queued bool    // it is in the pool's idle list
	closed bool

	settled chan struct{} // closed once the upstream's HTTP/2 settings are in force, or nothing will come
	settles sync.Once
	writes  atomic.Int32 // since the connection was ready for requests
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

func newWireConn(nc net.Conn, p *pool, budget *descriptorBudget) *wireConn {
	w := &wireConn{Conn: nc, pool: p, budget: budget, settled: make(chan struct{})}
	if sc, ok := nc.(syscall.Conn); ok {
		w.socket, _ = sc.SyscallConn()
	}
	return w
}

func (w *wireConn) Read(p []byte) (int, error) {
	w.mu.Lock()
	w.parked = true
	idle := w.becomesIdle()
	w.mu.Unlock()
	if idle != nil {
		w.pool.put(idle)
	}
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	w.parked = false
	w.mu.Unlock()
	return n, err
}

func (w *wireConn) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	if w.writes.Add(1) == acknowledged {
		w.settle()
	}
	return n, err
}

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
		w.pool.forget()
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
func (w *wireConn) becomesIdle() *upConn {
	if !w.parked || !w.free || w.queued || w.closed || w.conn == nil {
		return nil
	}
	w.queued = true
	return w.conn
}

// release ends a request's use of an HTTP/1.1 connection. A connection whose
// response wasn't read to its end can't be used again.
func (c *upConn) release(reusable bool) {
	if c.h2 {
		return
	}
	if !reusable {
		c.cc.Close()
		return
	}
	c.wire.mu.Lock()
	c.wire.free = true
	idle := c.wire.becomesIdle()
	c.wire.mu.Unlock()
	if idle != nil {
		c.wire.pool.put(idle)
	}
}

// take gives an idle HTTP/1.1 connection to a request, if it is still fit.
func (c *upConn) take() bool {
	c.wire.mu.Lock()
	fit := c.wire.parked && !c.wire.closed
	c.wire.free, c.wire.queued = false, false
	c.wire.mu.Unlock()
	if fit && c.cc.Err() == nil && c.wire.quiet() {
		return true
	}
	c.cc.Close()
	return false
}

// quiet looks at the socket itself: an end or bytes that have arrived, but
// that the reader hasn't got round to, make the connection unfit. Without
// retries, each request that meets a dying connection would be a 502.
func (w *wireConn) quiet() bool {
	if w.socket == nil {
		return true
	}
	quiet := false
	// Control, not Read: the reader holds the descriptor's read lock.
	err := w.socket.Control(func(fd uintptr) { quiet = nothingToRead(int(fd)) })
	return err == nil && quiet
}
