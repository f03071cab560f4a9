package server

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// Config is what a [Server] needs. Handler and Limits must be set.
type Config struct {
	// Handler answers the requests.
	Handler http.Handler
	// Express, if set, is asked first about a request without a body that asks
	// nothing of the connection, before anything is made of it: it may append an
	// answer's head to b, with as much of the body as it likes, and return the rest
	// in pieces; then the handler is not called. It must neither keep the request
	// nor its header's map, nor change them, nor wait for its context's end. Where
	// it appends nothing, the handler is called next, with the same request.
	Express func(c net.Conn, r *http.Request, b []byte) (head []byte, body [][]byte)
	// Expressed, if set, is called behind each such answer, when it has been
	// written, with the error of doing so.
	Expressed func(c net.Conn, err error)
	// Limits bound the header and the trailers of a request.
	Limits h1.Limits
	// Header is how long a client may take over a request's header, from its
	// first byte or the opening of the connection, and for a TLS handshake. Default: no
	// limit.
	Header time.Duration
	// Idle is how long a connection is kept without a request. Default: no limit.
	Idle time.Duration
	// Write is how long a client may take to take each piece of an answer for which
	// the handler has set no deadline. Default: no limit.
	Write time.Duration
	// Drain is how long the rest of a body may take that the handler left unread.
	// Default: 5 s.
	Drain time.Duration

	// TLS, if set, is spoken on every connection.
	TLS *tls.Config
	// HTTP2 takes the connections of clients that speak HTTP/2: of those over
	// TLS, all of them; of the others the bytes that were read already must be
	// put before what comes. Default: they are refused.
	HTTP2 func(c net.Conn, read []byte)

	// Base is the root of the requests' contexts. What runs is cancelled when it
	// ends. Default: [context.Background].
	Base context.Context
	// ConnContext adds to the context of a connection's requests. It gets the
	// connection as it was given to Serve. Default: nothing is added.
	ConnContext func(context.Context, net.Conn) context.Context
	// ConnState hears when a connection, as it was given to Serve, becomes idle
	// behind a request, was hijacked, or is closed, and of no other state. Default: nobody does.
	ConnState func(net.Conn, http.ConnState)
	// Refused hears of messages that are refused before there is a request, and
	// returns header lines for the answer, each with CRLF. Default: none.
	Refused func(c net.Conn, status int, why string) (lines []byte)
	// ErrorLog takes complaints about clients and handlers. Default: none are made.
	ErrorLog *log.Logger
}

// Server serves connections. It accepts none: whoever does calls Serve.
type Server struct {
	cfg   Config
	sweep sweep
	// exchanges are those that were let go.
	exchanges sync.Pool
	closing   atomic.Bool // each answer is the last on its connection

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool          // no connection is taken any more
	empty  chan struct{} // closed when there is none; nil: nobody waits
	unbase func() bool
}

// New makes a server. Close or Shutdown ends it.
func New(cfg Config) *Server {
	if cfg.Base == nil {
		cfg.Base = context.Background()
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 5 * time.Second
	}
	s := &Server{cfg: cfg, conns: map[*conn]struct{}{}}
	s.unbase = context.AfterFunc(cfg.Base, s.cancelAll)
	return s
}

// Serve serves a connection on the caller's goroutine until it ends or is
// handed over. It closes it, unless it is handed over.
func (s *Server) Serve(nc net.Conn) {
	c := newConn(s, nc)
	if !s.track(c) {
		nc.Close()
		c.tell(http.StateClosed)
		return
	}
	c.serve()
}

// Shutdown ends the server without failing a request: connections that are idle
// are closed, others when their request is answered. It returns nil once there
// are none, or the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closing.Store(true)
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.closeIfIdle()
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
		if len(s.conns) == 0 {
			close(s.empty)
		}
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		s.unbase()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes all connections but those that were handed over or hijacked.
func (s *Server) Close() {
	s.closing.Store(true)
	s.unbase()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.nc.Close()
		c.cancel(context.Canceled)
	}
}

// Conns is how many connections are open.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// cancelAll cancels all requests: their root has ended.
func (s *Server) cancelAll() {
	err := s.cfg.Base.Err()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cancel(err)
	}
}

func (s *Server) track(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closed && s.empty != nil && len(s.conns) == 0 {
		select {
		case <-s.empty:
		default:
			close(s.empty)
		}
	}
}

func (s *Server) logf(format string, args ...any) {
	if s.cfg.ErrorLog != nil {
		s.cfg.ErrorLog.Printf(format, args...)
	}
}
