package proxy

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Nobody can connect to a socket whose backlog is full, and it is alive.
func TestBindSparesAFullBacklog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", path)
		if err != nil {
			break // it is full
		}
		defer c.Close()
	}
	if l, err := bind("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v, %v, want EADDRINUSE", l, err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Errorf("the socket is gone: %v, %v", info, err)
	}
}
