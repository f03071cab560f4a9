package server

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// wire is a client's connection below TLS, with deadlines that are cheap to move
// (deadline.go).
type wire struct {
	net.Conn
	bottom      net.Conn        // the connection of the system, below what wraps it
	raw         syscall.RawConn // nil: none
	socket      *socket.Socket  // nil: bottom is another's
	reader      io.Reader
	writer      io.Writer
	read, write deadline
}

// wrapper is a connection around another, as package proxy's are.
type wrapper interface{ NetConn() net.Conn }

func newWire(nc net.Conn) *wire {
	w := &wire{Conn: nc, bottom: nc}
	if inner, ok := nc.(wrapper); ok {
		w.bottom = inner.NetConn()
	}
	if sc, ok := w.bottom.(syscall.Conn); ok {
		w.raw, _ = sc.SyscallConn()
	}
	w.socket = socket.Of(w.bottom)
	w.reader, w.writer = w.bottom, w.bottom
	if w.socket != nil {
		w.reader, w.writer = w.socket, w.socket
	}
	return w
}

// NetConn returns the connection that was given to [Server.Serve].
func (w *wire) NetConn() net.Conn { return w.Conn }

func (w *wire) Read(p []byte) (int, error) {
	for {
		n, err := w.reader.Read(p)
		if n > 0 || err == nil || !w.read.again(err, w.bottom.SetReadDeadline) {
			return n, err
		}
	}
}

func (w *wire) Write(p []byte) (int, error) {
	total := 0
	for {
		n, err := w.writer.Write(p[total:])
		total += n
		if err == nil || !w.write.again(err, w.bottom.SetWriteDeadline) {
			return total, err
		}
	}
}

// writev writes several pieces, at once where the system can. It changes bufs.
func (w *wire) writev(bufs *net.Buffers) error {
	for {
		_, err := bufs.WriteTo(w.bottom)
		if err == nil || !w.write.again(err, w.bottom.SetWriteDeadline) {
			return err
		}
	}
}

// wait waits until try, which is called with the socket, says that it has read or
// failed.
func (w *wire) wait(try func(fd uintptr) bool) error {
	for {
		err := w.socket.Wait(try)
		if err == nil || !w.read.again(err, w.bottom.SetReadDeadline) {
			return err
		}
	}
}

func (w *wire) SetReadDeadline(t time.Time) error { return w.read.move(t, w.bottom.SetReadDeadline) }

func (w *wire) SetWriteDeadline(t time.Time) error {
	return w.write.move(t, w.bottom.SetWriteDeadline)
}

func (w *wire) SetDeadline(t time.Time) error {
	if err := w.SetReadDeadline(t); err != nil {
		return err
	}
	return w.SetWriteDeadline(t)
}

// CloseWrite half-closes the connection, where it can be.
func (w *wire) CloseWrite() error {
	if half, ok := w.bottom.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// boundRead lets what is read from now on take no longer than limit.
func (w *wire) boundRead(limit time.Duration) error {
	return w.read.within(limit, w.bottom.SetReadDeadline)
}

// boundWrite lets a write that begins now take no longer than limit, unless
// somebody has set a deadline.
func (w *wire) boundWrite(limit time.Duration) {
	w.write.bound(limit, w.bottom.SetWriteDeadline)
}

// forget takes all deadlines off, for whoever gets the connection.
func (w *wire) forget() {
	for _, d := range []*deadline{&w.read, &w.write} {
		d.forget()
	}
	_ = w.bottom.SetDeadline(time.Time{})
}

// straight goes through whatever wraps the connection from now on, and no longer
// round it: with HTTP/2 on it, that may have its own way of reading and writing.
func (w *wire) straight() { w.bottom, w.reader, w.writer = w.Conn, w.Conn, w.Conn }
