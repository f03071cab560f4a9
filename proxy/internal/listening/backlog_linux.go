package listening

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// TakeBacklog closes a listening socket after taking every connection that
// waits in its backlog at this moment: the kernel would reset them, and their
// clients believe themselves connected. Go's Accept can't be asked for what is
// there already without waiting for more.
func TakeBacklog(l net.Listener, take func(net.Conn)) {
	defer l.Close()
	sc, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	var waiting []int
	_ = raw.Control(func(fd uintptr) {
		for {
			n, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if err == unix.EINTR || err == unix.ECONNABORTED {
				continue
			}
			if err != nil {
				return // EAGAIN: it is empty
			}
			waiting = append(waiting, n)
		}
	})
	l.Close() // at once: what comes from here on is refused, as it should be
	for _, fd := range waiting {
		f := os.NewFile(uintptr(fd), "backlog")
		nc, err := net.FileConn(f)
		f.Close()
		if err == nil {
			take(nc)
		}
	}
}
