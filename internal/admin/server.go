package admin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// off is the address of a port that is switched off.
const off = "off"

// Server serves one of the side ports.
type Server struct {
	address string
	http    *http.Server
	close   func() error // removes what listening has left behind
	done    chan struct{}
}

// Serve listens on address and answers by h, until Shutdown. The address is
// host:port or :port for TCP, unix:/path for a socket that only the same user
// may use, or off for no port at all. What net/http has to say goes to
// errorLog; nil: nowhere.
//
// A unix socket that a dead process left behind is replaced; if another one
// listens on it, the error is [ErrInUse].
func Serve(address string, h http.Handler, errorLog *log.Logger) (*Server, error) {
	s := &Server{address: off, done: make(chan struct{})}
	if address == off {
		close(s.done)
		return s, nil
	}
	inner, remove, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	s.address, s.close = address, remove
	if inner.Addr().Network() != "unix" {
		s.address = inner.Addr().String()
	}
	if errorLog == nil {
		errorLog = log.New(discard{}, "", 0)
	}
	s.http = &http.Server{
		Handler:  h,
		ErrorLog: errorLog,
		// A request here is a line and a few headers. There is no deadline for
		// reading the rest, as that would also end a profile that is still taken;
		// who sends a body for ever is evicted. Profiles extend the deadline for
		// writing by themselves.
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	listener := evictOldest(withReserve(inner, reservedDescriptors), maxConnections)
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			errorLog.Printf("port %s has ended: %v", s.address, err)
		}
	}()
	return s, nil
}

// Addr is the address bound, with the port that the kernel chose where :0 was
// asked for; or off.
func (s *Server) Addr() string { return s.address }

// Shutdown takes no more connections, waits for requests under way until ctx
// ends, and then cuts them off. The error is then the context's.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	<-s.done
	return errors.Join(err, s.close())
}

// listen opens the socket of an address, and returns what removes it again.
func listen(address string) (net.Listener, func() error, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(path)
	}
	l, err := net.Listen("tcp", address)
	return l, func() error { return nil }, err
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
