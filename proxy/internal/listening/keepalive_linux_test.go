package listening

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConnectionsAreKeptAlive: as package net keeps them, though the system is
// told of the listening socket only.
func TestConnectionsAreKeptAlive(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			nets, err := net.Listen("tcp", address)
			if err != nil {
				t.Skip(err) // no IPv6 here
			}
			defer nets.Close()
			ours, err := Listen(address)
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			got, want := options(t, ours), options(t, nets)
			if got != want || got.alive != 1 {
				t.Errorf("%+v, net's are %+v", got, want)
			}
		})
	}
}

type keepAliveOptions struct{ alive, idle, interval, count, noDelay int }

// options are those of a connection that a listener accepts.
func options(t *testing.T, l net.Listener) (o keepAliveOptions) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	get := func(fd uintptr, level, name int) int {
		v, err := unix.GetsockoptInt(int(fd), level, name)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	err = raw.Control(func(fd uintptr) {
		o = keepAliveOptions{
			get(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE), get(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE),
			get(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), get(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT), get(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY),
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
