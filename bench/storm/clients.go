package main

import (
	"net"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// clients are all of a population, each with connections of its own.
type clients []*client

// newClients returns as many clients as the population has, each on an address
// of its own in 127.0.0.0/8 if there are several.
func newClients(address string, p *sim.Population) clients {
	n := max(1, p.Identities)
	all := make(clients, n)
	for i := range all {
		all[i] = &client{address: address, targets: uint64(p.Targets)}
		if n > 1 {
			all[i].from = &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i))}
		}
	}
	return all
}

// attempt lets the request's client make one.
func (all clients) attempt(request uint64, attempt int, until time.Time) reply {
	return all[request%uint64(len(all))].attempt(request, attempt, until)
}

func (all clients) close() {
	for _, c := range all {
		c.close()
	}
}
