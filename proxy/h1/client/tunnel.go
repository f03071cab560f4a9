package client

import (
	"errors"
)

// tunnel is the body of a 101: the connection, both ways, beginning with what
// the upstream sent right behind its answer. The request's context doesn't end
// it any more; that is left to who uses it.
type tunnel struct{ conn *Conn }

// Read implements [io.Reader].
func (t *tunnel) Read(p []byte) (int, error) { return t.conn.reader.Read(p) }

// Write implements [io.Writer].
func (t *tunnel) Write(p []byte) (int, error) { return t.conn.nc.Write(p) }

// Close closes the connection. It may be called while others read and write.
func (t *tunnel) Close() error { return t.conn.nc.Close() }

// CloseWrite ends the direction to the upstream, where the connection can.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.conn.nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
