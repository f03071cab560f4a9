package listening

import "github.com/levee-proxy/levee/config"

// reservedDescriptors are left for everything that isn't a client's
// connection or its upstream's: listeners, admin, logs, certificates, DNS.
const reservedDescriptors = 128

// fallbackConnections is the cap where the system tells no limit.
const fallbackConnections = 50_000

// ConnectionCap is the most connections of clients, over all listeners. By
// default each may cost two descriptors, its own and its upstream's, so that
// the proxy stops accepting before it can't dial, and the admin port works on.
func ConnectionCap(l *config.Limits) int64 {
	if l.Connections > 0 {
		return int64(l.Connections)
	}
	limit := descriptorLimit()
	if limit <= 0 {
		return fallbackConnections
	}
	return max(1, (limit-reservedDescriptors)/2)
}

// UpstreamCap is the most connections to upstreams: the half of the
// descriptors that isn't the clients'.
func UpstreamCap() int64 {
	limit := descriptorLimit()
	if limit <= 0 {
		return fallbackConnections
	}
	return max(1, (limit-reservedDescriptors)/2)
}

// ListenerCap is the most connections of one listener.
func ListenerCap(lc *config.Listener, l *config.Limits) int64 {
	if lc.MaxConnections > 0 {
		return int64(lc.MaxConnections)
	}
	return ConnectionCap(l)
}
