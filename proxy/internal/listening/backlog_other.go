//go:build !linux

package listening

import "net"

// TakeBacklog closes a listening socket. Connections in its backlog are reset
// by the kernel; there is no portable way to take just those.
func TakeBacklog(l net.Listener, _ func(net.Conn)) { l.Close() }
