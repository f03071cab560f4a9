package proxy

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe joins two connections in memory. Unlike net.Pipe's, each direction
// holds up to pipeBuffer bytes that nobody has read yet, as a socket does.
func pipe() (a, b net.Conn) {
	x, y := newHalf(), newHalf()
	return &pipeConn{in: x, out: y}, &pipeConn{in: y, out: x}
}

const pipeBuffer = 64 << 10

type pipeConn struct{ in, out *half }

func (c *pipeConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *pipeConn) Close() error                { c.in.end(true); c.out.end(false); return nil }
func (c *pipeConn) CloseWrite() error           { c.out.end(false); return nil }
func (c *pipeConn) HungUp() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.ended
}
func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }
func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.reader.set(c.in, t)
	c.out.writer.set(c.out, t)
	return nil
}
func (c *pipeConn) SetReadDeadline(t time.Time) error  { c.in.reader.set(c.in, t); return nil }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { c.out.writer.set(c.out, t); return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "192.0.2.1:1234" }

// half is one direction.
type half struct {
	mu             sync.Mutex
	changed        *sync.Cond
	buf            []byte
	ended          bool // no more will be written
	broken         bool // nobody reads any more
	reader, writer pipeDeadline
}

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.broken:
			return 0, net.ErrClosed
		case h.reader.over:
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(p) > 0 {
		switch {
		case h.broken || h.ended:
			return n, io.ErrClosedPipe
		case h.writer.over:
			return n, os.ErrDeadlineExceeded
		case len(h.buf) < pipeBuffer:
			m := min(len(p), pipeBuffer-len(h.buf))
			h.buf = append(h.buf, p[:m]...)
			p, n = p[m:], n+m
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
	return n, nil
}

func (h *half) end(reading bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reading {
		h.broken = true
	} else {
		h.ended = true
	}
	h.changed.Broadcast()
}

type pipeDeadline struct {
	timer *time.Timer
	over  bool
}

func (d *pipeDeadline) set(h *half, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.over = false
	if t.IsZero() {
		return
	}
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { d.expire(h) })
		return
	}
	d.over = true
	h.changed.Broadcast()
}

func (d *pipeDeadline) expire(h *half) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d.over = true
	h.changed.Broadcast()
}
