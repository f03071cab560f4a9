package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/internal/admin"
)

// port is one of the two side ports, whose address a reload may change.
type port struct {
	handler  http.Handler
	errorLog *log.Logger

	configured string
	server     *admin.Server
}

// closeTimeout is how long requests under way on a side port may take when it
// is closed: a status, the answer to a reload.
const closeTimeout = time.Second

// prepare listens at an address. Nothing changes before the function returned
// is called: with true, the new address takes over; with false, it is given up.
func (p *port) prepare(address string) (decide func(take bool), err error) {
	if p.server != nil && address == p.configured {
		return func(bool) {}, nil
	}
	server, err := admin.Serve(address, p.handler, p.errorLog)
	if err != nil {
		return nil, err
	}
	return func(take bool) {
		if !take {
			closeServer(server)
			return
		}
		if p.server != nil {
			// Beside: the reload may itself be a request that the old server waits for.
			go closeServer(p.server)
		}
		p.configured, p.server = address, server
	}, nil
}

// close ends the port.
func (p *port) close() {
	if p.server != nil {
		closeServer(p.server)
	}
}

// closeServer ends a server, within a bounded time.
func closeServer(server *admin.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = server.Shutdown(ctx) // what was under way is cut off then
}
