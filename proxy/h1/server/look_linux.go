package server

import "golang.org/x/sys/unix"

// look asks the system, without reading, whether the client has closed its side
// of the connection, or both sides are.
func (w *wire) look() (half, gone bool) {
	if w.raw == nil {
		return w.lookByMethod()
	}
	_ = w.raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(poll, 0); err == nil && n > 0 {
			half = poll[0].Revents&unix.POLLRDHUP != 0
			gone = poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
		}
	})
	return half, gone
}
