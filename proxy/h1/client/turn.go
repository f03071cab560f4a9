package client

import (
	"net/http"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// ErrStale is that of a connection on which something came while it was idle, if
// only its end. Nothing of the request was written, nor read of its body.
var ErrStale = socket.ErrStale

// Turner is implemented by connections that look by themselves whether they are
// still fit before a request is written on them.
type Turner interface {
	// Turn looks, writes out, waits, and reads into in; or it returns ErrStale.
	Turn(out, in []byte) (n int, err error)
	// Quiet is the look alone.
	Quiet() bool
}

// source is what a Conn's reader reads from. A request without a body is written
// with the first reading of its answer, in one turn.
type source struct {
	c       *Conn
	pending *head // what is to be written; nil: nothing
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	out := s.pending
	if out == nil {
		return s.c.nc.Read(p)
	}
	s.pending = nil
	defer out.free()
	return s.c.turner.Turn(out.bytes, p)
}

// drop is for a request that is not written.
func (s *source) drop() {
	if out := s.pending; out != nil {
		s.pending = nil
		out.free()
	}
}

// Looks says whether RoundTrip looks whether the connection is still fit. Of
// others, whoever keeps connections must do so before it.
func (c *Conn) Looks() bool { return c.turner != nil }

// turns says whether a request goes out in a turn: it is short and has no body
// that would have to be read first, and the connection was used before. On a new
// one there is no telling whether what comes before the request is meant for it.
func (c *Conn) turns(req *http.Request, f h1.Framing, out *head) bool {
	return c.turner != nil && c.used && (req.Body == nil || f.Kind == h1.None) && len(out.bytes) <= headSize
}
