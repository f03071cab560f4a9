//go:build !linux

package proxy

import "net"

// takeBacklog closes a listening socket. Connections in its backlog are reset
// by the kernel; there is no portable way to take just those.
func takeBacklog(l net.Listener, _ func(net.Conn)) { l.Close() }
