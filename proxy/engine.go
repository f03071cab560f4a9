package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/server"
	"github.com/levee-proxy/levee/proxy/internal/tlsfiles"
)

// engine reads requests off a listener's connections and calls the proxy's
// handler, with limits on everything: net/http's server, for HTTP/2 always, and
// for HTTP/1.1 either that or our own. It is made for one set of settings;
// others need another engine, on the same socket.
type engine struct {
	server  *http.Server
	lean    *server.Server // nil: net/http reads HTTP/1.1 too
	tls     *tls.Config
	certs   *tlsfiles.Certificates
	feed    *feed
	timeout clientTimeouts
	retired atomic.Bool
	proxy   *Proxy // whose refusals go express; nil: another's handler
}

// HTTP/2's limits: enough for any client that means well, and flat memory
// for one that doesn't. 16 KiB frames are what h2spec's last cases want.
const (
	maxStreams        = 100
	maxReadFrame      = 16 << 10
	maxDecoderTable   = 4 << 10
	maxConnWindow     = 1 << 20
	maxStreamWindow   = 256 << 10
	pingAfter         = 30 * time.Second
	pingTimeout       = 15 * time.Second
	serverHeaderSlack = 4096 // net/http adds it to MaxHeaderBytes; we want the limit as configured
)

func newEngine(kind string, cfg *config.Listener, limits *config.Limits, h http.Handler, base context.Context, errorLog *log.Logger) (*engine, error) {
	e := &engine{
		feed:    newFeed(),
		timeout: clientTimeouts{read: time.Duration(cfg.Timeouts.Read), write: time.Duration(cfg.Timeouts.Write)},
	}
	if cfg.TLS != nil {
		var err error
		if e.tls, e.certs, err = tlsfiles.Server(cfg.TLS); err != nil {
			return nil, err
		}
	}
	e.proxy, _ = h.(*Proxy)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	e.server = &http.Server{
		Handler:                      withStack(h),
		ReadHeaderTimeout:            time.Duration(cfg.Timeouts.Header),
		IdleTimeout:                  time.Duration(cfg.Timeouts.Idle),
		MaxHeaderBytes:               max(1, int(limits.HeaderBytes)-serverHeaderSlack),
		DisableGeneralOptionsHandler: true, // OPTIONS * is the upstream's to answer
		Protocols:                    protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReadFrameSize:              maxReadFrame,
			MaxDecoderHeaderTableSize:     maxDecoderTable,
			MaxReceiveBufferPerConnection: maxConnWindow,
			MaxReceiveBufferPerStream:     maxStreamWindow,
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTimeout,
			WriteByteTimeout:              e.timeout.write,
		},
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: rememberConn,
		ConnState:   watchConn,
		ErrorLog:    errorLog,
	}
	if kind == config.EngineLean {
		config := server.Config{
			Handler:     h,
			Limits:      h1.Limits{HeadBytes: int(limits.HeaderBytes), Fields: limits.HeaderFields},
			Header:      time.Duration(cfg.Timeouts.Header),
			Idle:        time.Duration(cfg.Timeouts.Idle),
			Write:       e.timeout.write,
			Drain:       e.timeout.read,
			TLS:         e.tls,
			HTTP2:       e.handOver,
			Base:        base,
			ConnContext: rememberConn,
			ConnState:   watchConn,
			Refused:     e.refused,
			ErrorLog:    errorLog,
		}
		if e.proxy != nil {
			config.Express, config.Expressed = e.answerLean, e.expressed
		}
		e.lean = server.New(config)
	}
	go func() {
		if err := e.server.Serve(e.feed); err != nil && !errors.Is(err, http.ErrServerClosed) {
			errorLog.Printf("server ended: %v", err)
		}
	}()
	return e, nil
}

// handle serves a connection.
func (e *engine) handle(c *clientConn) {
	c.timeouts, c.engine = e.timeout, e
	if e.lean != nil {
		if e.tls != nil {
			c.scheme = "https"
		}
		if e.proxy != nil {
			c.express = &express{proxy: e.proxy}
		}
		go e.lean.Serve(c)
		return
	}
	if e.tls == nil && e.proxy != nil {
		c.express = &express{proxy: e.proxy, idle: e.server.IdleTimeout, header: e.server.ReadHeaderTimeout, begins: true, exact: true}
	}
	var nc net.Conn = c
	if e.tls != nil {
		c.scheme = "https"
		nc = tls.Server(c, e.tls)
	}
	if !e.feed.give(nc) {
		c.Close()
	}
}

// handOver gives net/http a connection on which HTTP/2 is spoken, and what was
// read of it.
func (e *engine) handOver(nc net.Conn, read []byte) {
	c := below(nc).(*clientConn)
	c.early, c.express, c.shared = read, nil, true
	if !e.feed.give(nc) {
		nc.Close()
	}
}

// refused counts a message that the lean engine refuses, and has the answer say
// who did.
func (e *engine) refused(_ net.Conn, status int, why string) []byte {
	if e.proxy == nil {
		return nil
	}
	e.proxy.o.Metrics.Answer(string(errRequest))
	a := answer{status: status, kind: errRequest, details: why}
	return h1.AppendField(nil, "Proxy-Status", a.proxyStatus(e.proxy.gen.Load().name))
}

// retire makes each answer the last on its connection; connections that stay
// idle are closed when wait is over or ctx ends, those in use when their
// request is done. What still runs when ctx ends is cut, after a call of
// beforeCut; then the result is an error.
func (e *engine) retire(ctx context.Context, wait time.Duration, beforeCut func()) error {
	e.retired.Store(true)
	pause(wait, ctx.Done())
	var err error
	if e.lean != nil {
		err = e.lean.Shutdown(ctx) // first: it hands connections over
	}
	err = errors.Join(err, e.server.Shutdown(ctx))
	if err != nil {
		beforeCut()
		e.close()
	}
	return err
}

// close ends all connections at once.
func (e *engine) close() {
	if e.lean != nil {
		e.lean.Close()
	}
	e.server.Close()
}

// connUnder finds what is known about a request's connection. Our own engine's
// writers tell it at once.
func connUnder(w http.ResponseWriter, r *http.Request) *clientConn {
	if on, ok := w.(interface{ NetConn() net.Conn }); ok {
		if c, ok := on.NetConn().(*clientConn); ok {
			return c
		}
	}
	return connOf(r)
}

// connOf is connUnder where only the request is there. Behind a server that isn't
// ours it is made up from the request.
func connOf(r *http.Request) *clientConn {
	if c, ok := r.Context().Value(clientConnKey{}).(*clientConn); ok {
		return c
	}
	c := &clientConn{scheme: "http"}
	if r.TLS != nil {
		c.scheme = "https"
	}
	c.setPeer(r.RemoteAddr)
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		c.port = strconv.Itoa(a.Port)
	}
	return c
}

// retired says whether a connection belongs to settings that are gone.
func (c *clientConn) retired() bool { return c.engine != nil && c.engine.retired.Load() }

// feed is the net.Listener from which net/http's server takes connections
// that our own accept loop gives it.
type feed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newFeed() *feed { return &feed{conns: make(chan net.Conn), done: make(chan struct{})} }

func (f *feed) give(c net.Conn) bool {
	select {
	case f.conns <- c:
		return true
	case <-f.done:
		return false
	}
}

// Accept implements [net.Listener].
func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (f *feed) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

// Addr implements [net.Listener].
func (f *feed) Addr() net.Addr { return &net.TCPAddr{} }
