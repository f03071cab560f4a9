package server

import (
	"net"
	"sync"
)

// outSize is what is written at a time, at most, where it isn't written from
// where it is: enough for a header and a short body.
const outSize = 4 << 10

// outSizeTLS is that over TLS, where each write is a record of its own.
const outSizeTLS = 16 << 10

var (
	outs    = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}
	outsTLS = sync.Pool{New: func() any { b := make([]byte, 0, outSizeTLS); return &b }}
)

func takeOut() *[]byte { return outs.Get().(*[]byte) }

// giveOut gives a buffer back. One that has grown is left to the collector.
func giveOut(b *[]byte) {
	switch cap(*b) {
	case outSize:
		*b = (*b)[:0]
		outs.Put(b)
	case outSizeTLS:
		*b = (*b)[:0]
		outsTLS.Put(b)
	}
}

// boundWrite sees to it that the write that follows doesn't wait for its client
// for ever: where the handler sets no deadline, the server's holds.
func (c *conn) boundWrite() {
	if limit := c.s.cfg.Write; limit > 0 {
		c.wire.boundWrite(limit)
	}
}

// write writes the pieces one behind the other, as few times as can be.
func (c *conn) write(out *[]byte, pieces ...[]byte) error {
	if c.tls == nil {
		if _, ok := c.wire.bottom.(*net.TCPConn); ok {
			bufs := c.bufs[:0]
			if len(*out) > 0 {
				bufs = append(bufs, *out)
			}
			for _, p := range pieces {
				if len(p) > 0 {
					bufs = append(bufs, p)
				}
			}
			c.bufs, c.unwritten = bufs, bufs
			err := c.wire.writev(&c.unwritten)
			clear(c.bufs)
			*out = (*out)[:0]
			return err
		}
	}
	for _, p := range pieces {
		n := min(len(p), max(cap(*out)-len(*out), 0))
		*out = append(*out, p[:n]...)
		if p = p[n:]; len(p) == 0 {
			continue
		}
		if _, err := c.rw.Write(*out); err != nil {
			return err
		}
		*out = (*out)[:0]
		if _, err := c.rw.Write(p); err != nil {
			return err
		}
	}
	if len(*out) == 0 {
		return nil
	}
	_, err := c.rw.Write(*out)
	*out = (*out)[:0]
	return err
}
