//go:build unix && !linux

package connections

import "golang.org/x/sys/unix"

// nothingToRead says whether a socket is open with nothing to read.
func nothingToRead(fd int) bool {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return err == unix.EAGAIN
		}
	}
}
