package connections

import (
	"io"
	"net"
	"os"
	"syscall"
)

// reading is a read of the transport's reader that is under way.
type reading struct {
	try  func(fd uintptr) (done bool) // nil: there is no socket
	into []byte
	n    int
	err  error
}

// receive reads as the connection below does. In the same moment in which bytes
// leave the socket, it notes that the reader waits no more: fit looks at both,
// and would see neither the bytes nor the reader move while they were on the way
// from the one to the other.
func (w *wireConn) receive(p []byte) (int, error) {
	if w.reading.try == nil || len(p) == 0 {
		n, err := w.Conn.Read(p)
		w.unpark()
		return n, err
	}
	r := &w.reading
	r.into, r.n, r.err = p, 0, nil
	err := w.socket.Read(r.try)
	r.into = nil
	if err != nil { // the deadline, or it was closed
		w.unpark()
		return 0, err
	}
	return r.n, r.err
}

func (w *wireConn) unpark() {
	w.mu.Lock()
	w.parked = false
	w.mu.Unlock()
}

// tryRead is one try of receive.
func (w *wireConn) tryRead(fd uintptr) (done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &w.reading
	n, err := syscall.Read(int(fd), r.into)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), r.into)
	}
	switch {
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		a := w.Conn.RemoteAddr()
		r.err = &net.OpError{Op: "read", Net: a.Network(), Addr: a, Err: os.NewSyscallError("read", err)}
	case n == 0:
		r.err = io.EOF
	default:
		r.n = n
	}
	w.parked = false
	return true
}
