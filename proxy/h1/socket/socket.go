// Package socket reads and writes a connection's socket with less ado than
// package net.
//
// Before each call to the system, net tells the scheduler that the goroutine may
// block, and afterwards that it is back. In between, a thread that watches may
// give the goroutine's place to another thread, which happens on a busy machine.
// But a socket of Go's never blocks: what can't be done at once is waited for in
// the poller. So short calls are made here as they are, which spares a fifth of
// a microsecond each, and the threads' changing of places. Long ones are left to
// net: the collector has to wait for what it isn't told of.
//
// All else is net's: its locks, so that nobody closes the socket meanwhile, its
// deadlines, its poller and its errors.
package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// shortCall is the most that is read or written by one call here, in bytes.
const shortCall = 32 << 10

// ErrAgain is that of a try that would have to wait.
var ErrAgain = errors.New("nothing to read yet")

// Socket is a connection's. Like the connection, it may be read and written at
// the same time.
type Socket struct {
	nc  net.Conn
	raw syscall.RawConn

	reading sync.Mutex
	in      call
	read    func(fd uintptr) bool // in.read, as is write: made once, since each making allocates

	turn *turn // guarded by reading; nil: none was taken yet

	writing sync.Mutex
	out     call
	write   func(fd uintptr) bool
}

// call is one that is under way.
type call struct {
	p   []byte // what is to be read into, or is left to write
	n   int
	err error
}

// Of returns the socket of a TCP or unix connection; nil: nc is none.
func Of(nc net.Conn) *Socket {
	s := &Socket{nc: nc}
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		s.raw, err = c.SyscallConn()
	case *net.UnixConn:
		s.raw, err = c.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	s.read, s.write = s.in.tryRead, s.out.tryWrite
	return s
}

// Read reads what there is, or waits until there is some. It implements
// [io.Reader].
func (s *Socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	s.in = call{p: p[:min(len(p), shortCall)]}
	err := s.raw.Read(s.read)
	n, failed := s.in.n, s.in.err
	s.in = call{}
	return n, s.explain("read", err, failed)
}

// Write writes all of p, waiting where the socket takes no more. It implements
// [io.Writer].
func (s *Socket) Write(p []byte) (int, error) {
	if len(p) == 0 || len(p) > shortCall {
		return s.nc.Write(p)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.out = call{p: p}
	err := s.raw.Write(s.write)
	n, failed := s.out.n, s.out.err
	s.out = call{}
	return n, s.explain("write", err, failed)
}

// Wait calls try with the socket until it returns true, each time that there may
// be something to read. It is for who has no buffer while he waits.
func (s *Socket) Wait(try func(fd uintptr) bool) error {
	return s.explain("read", s.raw.Read(try), nil)
}

// Receive is one try to read: ErrAgain if there is nothing, io.EOF at the end.
// It is for Wait's callers.
func Receive(fd uintptr, p []byte) (int, error) {
	for {
		n, err := receive(fd, p)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, ErrAgain
		case err != 0:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c *call) tryRead(fd uintptr) bool {
	c.n, c.err = Receive(fd, c.p)
	return c.err != ErrAgain
}

func (c *call) tryWrite(fd uintptr) bool {
	for {
		n, err := send(fd, c.p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != 0:
			c.err = os.NewSyscallError("write", err)
			return true
		}
		c.n += n
		if c.p = c.p[n:]; len(c.p) == 0 {
			return true
		}
	}
}

// explain is the error of a call as net has it: waited is that of waiting for
// the socket, failed that of the call.
func (s *Socket) explain(op string, waited, failed error) error {
	if failed == nil && waited == nil || failed == io.EOF {
		return failed
	}
	if waited != nil {
		if e, ok := waited.(*net.OpError); ok {
			e.Op = op // it says raw-read
		}
		return waited
	}
	a := s.nc.LocalAddr()
	return &net.OpError{Op: op, Net: a.Network(), Source: a, Addr: s.nc.RemoteAddr(), Err: failed}
}
