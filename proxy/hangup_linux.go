package proxy

import (
	"net/http"
	"syscall"

	"golang.org/x/sys/unix"
)

// hungUp says whether the client has closed its connection, as far as the
// kernel knows. Over HTTP/1.1, net/http notices that only by reading, and
// doesn't read while a body is unread or a further request has come already.
// Over HTTP/2 it notices by itself.
func (c *clientConn) hungUp(r *http.Request) bool {
	if r.ProtoMajor != 1 || c.Conn == nil {
		return false
	}
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(poll, 0)
		gone = err == nil && n > 0 && poll[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone || err != nil
}
