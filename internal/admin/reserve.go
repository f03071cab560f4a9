package admin

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// reservedDescriptors is how many connections a side port can accept when the
// process has no file descriptor left.
const reservedDescriptors = 4

// withReserve makes a listener that still accepts when the process has run out
// of file descriptors, which is when an operator most needs to look.
//
// The traffic side caps its connections below the limit, but the limit can be
// lowered or other code may leak. So the listener keeps some descriptors open
// for nothing; when an accept fails for want of one, it gives one up, accepts,
// and takes it back when that connection ends.
func withReserve(l net.Listener, n int) net.Listener {
	r := &reserve{Listener: l, most: n}
	r.refill()
	return r
}

type reserve struct {
	net.Listener
	most int

	mu     sync.Mutex
	spare  []*os.File
	closed bool
}

// Accept implements net.Listener.
func (r *reserve) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil && exhausted(err) && r.give() {
		c, err = r.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	return &reservedConn{Conn: c, refill: r.refill}, nil
}

// Close implements net.Listener.
func (r *reserve) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, f := range r.spare {
		f.Close()
	}
	r.spare = nil
	return r.Listener.Close()
}

// give closes one of the spare descriptors, if there is one.
func (r *reserve) give() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spare) == 0 {
		return false
	}
	last := len(r.spare) - 1
	r.spare[last].Close()
	r.spare = r.spare[:last]
	return true
}

// refill opens spare descriptors as long as there are any to be had.
func (r *reserve) refill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && len(r.spare) < r.most {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return // the next connection that ends tries again
		}
		r.spare = append(r.spare, f)
	}
}

// exhausted says that an accept failed because the process, or the system, has
// no file descriptor left.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// reservedConn fills the reserve up again when it ends.
type reservedConn struct {
	net.Conn
	refill func()
	once   sync.Once
}

// Close implements net.Conn.
func (c *reservedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.refill)
	return err
}
