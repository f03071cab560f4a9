package server

import (
	"io"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// source is what a connection's h1.Reader reads from. It sees to the deadline of
// a request's header, and lets the connection wait for one without a buffer.
type source struct {
	c *conn

	one    [1]byte // what came first, where it has to be read to know that it came
	hasOne bool

	fd  uintptr // of a try to read; 0: none
	err error

	limit time.Duration // of the header that is being read; 0: none is
	armed bool
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	if s.fd != 0 {
		return socket.Receive(s.fd, p)
	}
	if s.hasOne && len(p) > 0 {
		s.hasOne = false
		p[0] = s.one[0]
		return 1, nil
	}
	if s.limit > 0 && !s.armed {
		s.armed = true
		if err := s.c.wire.boundRead(s.limit); err != nil {
			return 0, err
		}
	}
	return s.c.rw.Read(p)
}

// wait waits for the first bytes of a request, or returns the error of the
// connection. Until they come nothing is held but the connection itself: where
// there is a socket, the reader's buffer is taken for each try and given back;
// elsewhere a single byte is read first.
func (s *source) wait() error {
	c := s.c
	if c.tls == nil && c.wire.socket != nil {
		if err := c.wire.wait(c.try); err != nil {
			return err
		}
		return s.err
	}
	n, err := c.rw.Read(s.one[:])
	if n == 0 {
		if err == nil {
			err = io.ErrNoProgress
		}
		return err
	}
	s.hasOne = true
	return c.r.Fill()
}

// tryRaw is one try of wait.
func (s *source) tryRaw(fd uintptr) bool {
	s.fd = fd
	s.err = s.c.r.Fill()
	s.fd = 0
	if s.err == socket.ErrAgain {
		s.c.r.Release()
		return false
	}
	return true
}

// begin and end frame the reading of a header that must come within the limit,
// which is only set where it doesn't come at once.
func (s *source) begin(limit time.Duration) { s.limit, s.armed = limit, false }

func (s *source) end() {
	s.limit = 0
	_ = s.c.wire.SetReadDeadline(time.Time{})
}
