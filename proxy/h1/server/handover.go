package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"
)

// preface is what clients of HTTP/2 begin with (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// handshake shakes hands. False: it failed, or it isn't HTTP/1.1 that is spoken.
func (c *conn) handshake() bool {
	if d := c.s.cfg.Header; d > 0 {
		_ = c.wire.SetDeadline(time.Now().Add(d))
	}
	if err := c.tls.HandshakeContext(c.ctx); err != nil {
		c.misunderstood(err)
		return false
	}
	_ = c.wire.SetDeadline(time.Time{})
	state := c.tls.ConnectionState()
	c.tlsState = &state
	return !c.negotiatedHTTP2()
}

func (c *conn) negotiatedHTTP2() bool {
	return c.tlsState != nil && c.tlsState.NegotiatedProtocol == "h2"
}

// misunderstood answers a client that speaks HTTP where TLS is spoken.
func (c *conn) misunderstood(err error) {
	if re, ok := errors.AsType[tls.RecordHeaderError](err); ok && re.Conn != nil && looksLikeHTTP(re.RecordHeader) {
		_, _ = io.WriteString(re.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n")
		c.s.logf("TLS handshake error from %s: client sent an HTTP request to an HTTPS server", c.remote)
		return
	}
	c.s.logf("TLS handshake error from %s: %v", c.remote, err)
}

func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// prefaced says whether the connection's first bytes are those of HTTP/2. It
// reads on only while they may be.
func (c *conn) prefaced() bool {
	for {
		b := c.r.Peek()
		n := min(len(b), len(preface))
		if string(b[:n]) != preface[:n] {
			return false
		}
		if n == len(preface) {
			c.src.end()
			return true
		}
		if c.r.Fill() != nil {
			return false
		}
	}
}

// handOver hands the connection over to the server of HTTP/2.
func (c *conn) handOver(read []byte) {
	c.wire.forget()
	c.wire.straight()
	var nc net.Conn = c.nc
	if c.tls != nil {
		nc = c.tls
	}
	if c.s.cfg.HTTP2 == nil || !strings.HasPrefix(preface, string(read[:min(len(read), len(preface))])) {
		nc.Close()
		return
	}
	c.s.cfg.HTTP2(nc, bytes.Clone(read))
}
