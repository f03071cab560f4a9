//go:build unix && (!linux || race)

package socket

import "syscall"

// receive and send are calls that the scheduler and the race detector know of.

func receive(fd uintptr, p []byte) (int, syscall.Errno) {
	n, err := syscall.Read(int(fd), p)
	return n, number(err)
}

func send(fd uintptr, p []byte) (int, syscall.Errno) {
	n, err := syscall.Write(int(fd), p)
	return n, number(err)
}

// number is an error's of the system; 0 of none.
func number(err error) syscall.Errno {
	n, _ := err.(syscall.Errno)
	return n
}
