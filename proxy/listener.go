package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/clients"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/listening"
	"github.com/levee-proxy/levee/proxy/internal/tlsfiles"
)

// listener is one socket and all that has to do with accepting on it. It
// outlives reloads as long as its address stays; the engine that serves its
// connections is replaced when its settings change, and what it holds open
// then runs out by itself.
type listener struct {
	address string // as configured
	raw     net.Listener
	global  *listening.Slots // shared with the other listeners
	own     *listening.Slots

	engine   atomic.Pointer[engine]
	open     atomic.Int64
	accepted atomic.Uint64
	delayed  atomic.Uint64

	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{} // closed when the accept loop has ended

	mu   sync.Mutex
	pace *rate.Limiter // nil: unlimited
	cfg  *config.Listener
}

// bind opens the socket. A unix socket left behind by a process that is gone
// is replaced; one that may still be served isn't, and nothing else that has
// the path: a path that was mistyped must cost nobody a file.
func bind(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return listening.Listen(address)
	}
	l, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	info, statErr := os.Lstat(path)
	switch {
	case statErr != nil:
		return nil, statErr
	case info.Mode().Type() != os.ModeSocket:
		return nil, errNotSocket
	}
	c, dialErr := net.Dial("unix", path)
	if dialErr == nil {
		c.Close()
	}
	// Any other failure, such as a backlog that is full or rights that are
	// missing, is one of a socket that somebody may well listen on.
	if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// errNotSocket is about a unix listener's path.
var errNotSocket = errors.New("the path exists and is not a socket; remove what is there, or choose another path")

func newListener(cfg *config.Listener, raw net.Listener, global *listening.Slots) *listener {
	return &listener{
		address: cfg.Address, raw: raw, global: global, own: listening.NewSlots(1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// configure takes settings, which were checked, and the engine made for them.
// It returns the engine that was in use before.
func (l *listener) configure(cfg *config.Listener, e *engine, connections int64) *engine {
	l.own.Resize(connections)
	l.mu.Lock()
	switch {
	case cfg.ConnectionRate == nil:
		l.pace = nil
	case l.cfg == nil || l.cfg.ConnectionRate == nil || *l.cfg.ConnectionRate != *cfg.ConnectionRate:
		l.pace = clients.NewBucket(cfg.ConnectionRate)
	}
	l.cfg = cfg
	l.mu.Unlock()
	return l.engine.Swap(e)
}

// serve accepts until close. A connection is only taken from the kernel when
// there is a slot for it, and is handed on no faster than the rate allows.
func (l *listener) serve() {
	defer close(l.done)
	var backoff time.Duration
	for {
		if !l.global.Acquire(l.stop) {
			return
		}
		if !l.own.Acquire(l.stop) {
			l.global.Release()
			return
		}
		nc, err := l.raw.Accept()
		if err != nil {
			l.own.Release()
			l.global.Release()
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			// No descriptors, or a connection that was gone at once: the socket
			// is sound, so pause and go on.
			backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
			if !pause(backoff, l.stop) {
				return
			}
			continue
		}
		backoff = 0
		l.accepted.Add(1)
		if wait := l.wait(); wait > 0 {
			l.delayed.Add(1)
			pause(wait, l.stop) // on a stop it is served at once: it was accepted
		}
		l.engine.Load().handle(l.clientConn(nc))
	}
}

// wait takes a token of the connection rate and returns how long to wait for it.
func (l *listener) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pace == nil {
		return 0
	}
	now := time.Now()
	return l.pace.ReserveN(now, 1).DelayFrom(now)
}

// close stops accepting. What the kernel has accepted already is taken first:
// its clients believe themselves connected.
func (l *listener) close() {
	l.stopOnce.Do(func() {
		close(l.stop)
		d, ok := l.raw.(interface{ SetDeadline(time.Time) error })
		if !ok {
			l.raw.Close()
			return
		}
		_ = d.SetDeadline(time.Now()) // ends Accept, and leaves the socket open
		<-l.done
		listening.TakeBacklog(l.raw, l.takeBeyondCap)
	})
	<-l.done
}

// takeBeyondCap serves a connection although the caps may be reached.
func (l *listener) takeBeyondCap(nc net.Conn) {
	l.global.Force()
	l.own.Force()
	l.accepted.Add(1)
	l.engine.Load().handle(l.clientConn(nc))
}

func (l *listener) status() ListenerStatus {
	most, full := l.own.State()
	gMost, gFull := l.global.State()
	s := ListenerStatus{
		Address: displayAddress(l.raw.Addr()), Connections: l.open.Load(), MaxConnections: min(most, gMost),
		AtCap: full || gFull, Accepted: l.accepted.Load(), Delayed: l.delayed.Load(),
	}
	if e := l.engine.Load(); e != nil && e.certs != nil {
		s.TLS = true
		for _, c := range e.certs.All() {
			s.Certificates = append(s.Certificates, certificateStatus(c))
		}
	}
	return s
}

func certificateStatus(c tlsfiles.Loaded) CertificateStatus {
	s := CertificateStatus{File: c.File, NotAfter: c.Leaf.NotAfter, Names: slices.Clone(c.Leaf.DNSNames)}
	for _, ip := range c.Leaf.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
	if c.Err != nil {
		s.Error = c.Err.Error()
	}
	return s
}

func displayAddress(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return a.String()
}

// pause waits for d, or until stop ends: then it returns false.
func pause(d time.Duration, stop <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	}
}

// clientConn is a client's connection, and what is known about its other end.
type clientConn struct {
	net.Conn
	addr     netip.Addr // zero for unix sockets
	addrText string
	port     string // of the listener, for X-Forwarded-Port
	scheme   string
	timeouts clientTimeouts
	engine   *engine
	express  *express // nil where requests can't be told from below net/http
	shared   bool     // by the streams of HTTP/2: see Write
	early    []byte   // what another engine has read already of what net/http reads
	freed    sync.Once
	free     func()
	rest     atomic.Pointer[time.Timer] // ends the wait for the rest of a body
	writeDue atomic.Int64               // the deadline for writing, as clock.Since; 0: none

	forwarded *forwarded // of its last HTTP/1.1 request, whose goroutine sets it; nil: none
}

// reset closes the connection so that its client hears that something went wrong,
// also where TLS is on it.
func (c *clientConn) reset() {
	if c.Conn == nil {
		return
	}
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// linger bounds how long the server goes on reading the rest of a body that
// nobody wants any more. It lifts every deadline to do so; a client that sends
// nothing would hold its connection for ever.
func (c *clientConn) linger() {
	if c.Conn != nil && c.timeouts.read > 0 {
		c.rest.Store(time.AfterFunc(c.timeouts.read, func() { c.Close() }))
	}
}

// lingered ends that bound: the rest has come, or the connection is closed.
func (c *clientConn) lingered() {
	if c.rest.Load() != nil {
		if t := c.rest.Swap(nil); t != nil {
			t.Stop()
		}
	}
}

// clientTimeouts are the deadlines that move with progress.
type clientTimeouts struct{ read, write time.Duration }

func (l *listener) clientConn(nc net.Conn) *clientConn {
	c := &clientConn{Conn: nc, scheme: "http"}
	l.open.Add(1)
	c.free = func() {
		l.open.Add(-1)
		l.own.Release()
		l.global.Release()
	}
	c.setPeer(nc.RemoteAddr().String())
	if a, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		c.port = strconv.Itoa(a.Port)
	}
	return c
}

func (c *clientConn) setPeer(remote string) {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		c.addr = ap.Addr().Unmap().WithZone("")
		c.addrText = c.addr.String()
	}
}

// Close closes the connection and gives its slot back, once.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	if c.free != nil {
		c.freed.Do(c.free)
	}
	return err
}

// SetDeadline implements [net.Conn].
func (c *clientConn) SetDeadline(t time.Time) error {
	c.noteWriteDeadline(t)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements [net.Conn], and remembers the deadline.
func (c *clientConn) SetWriteDeadline(t time.Time) error {
	c.noteWriteDeadline(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *clientConn) noteWriteDeadline(t time.Time) {
	due := int64(0)
	if !t.IsZero() {
		due = int64(clock.Since(t))
	}
	c.writeDue.Store(due)
}

// mayWriteFor is the time until the deadline for writing; 0 where none is set.
func (c *clientConn) mayWriteFor(now time.Time) time.Duration {
	due := c.writeDue.Load()
	if due == 0 {
		return 0
	}
	return time.Duration(due) - clock.Since(now)
}

// CloseWrite half-closes, for tunnels.
func (c *clientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hungUp says whether the client has closed its connection. Over HTTP/1.1,
// net/http notices that only by reading, and doesn't read while a body is unread
// or a further request has come already. Over HTTP/2 it notices by itself.
func (c *clientConn) hungUp(r *http.Request) bool {
	return r.ProtoMajor == 1 && c.Conn != nil && listening.HungUp(c.Conn)
}

// boundsWrites says whether the engine itself sees to it that the client takes
// what is written for a request, within the time there is for that.
func (c *clientConn) boundsWrites(r *http.Request) bool {
	return c.engine != nil && c.engine.lean != nil && r.ProtoMajor == 1
}

func (c *clientConn) trusted(g *generation) bool { return g.trusted.has(c.addr) }

type clientConnKey struct{}

// rememberConn is for [http.Server.ConnContext].
func rememberConn(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, clientConnKey{}, below(nc))
}

// below takes the TLS off a connection, and what an engine has put around it.
func below(nc net.Conn) net.Conn {
	for {
		if _, ours := nc.(*clientConn); ours {
			return nc
		}
		outer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = outer.NetConn()
	}
}

// NetConn returns the connection as it was accepted.
func (c *clientConn) NetConn() net.Conn { return c.Conn }

// watchConn is for [http.Server.ConnState].
func watchConn(nc net.Conn, state http.ConnState) {
	if state == http.StateIdle || state == http.StateClosed {
		if c, ok := below(nc).(*clientConn); ok {
			c.lingered()
			switch {
			case c.express == nil:
			case state == http.StateIdle:
				c.express.idles()
			default:
				c.express.ends()
			}
		}
	}
}
