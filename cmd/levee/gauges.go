package main

import (
	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// observe tells a scrape what only the running parts know.
func observe(g *telemetry.Gauges, status proxy.Status, info config.Info, sinks []telemetry.SinkStats) {
	for _, l := range status.Listeners {
		g.Listener(l.Address, l.Connections, l.MaxConnections, l.Accepted, l.Delayed)
	}
	for _, u := range status.Upstreams {
		for _, e := range u.Endpoints {
			g.Endpoint(u.Name, e.Address, e.State, e.Inflight, e.Connections, e.Latency)
		}
	}
	g.Config(info.Hash, info.AppliedAt, info.Reloads, info.Refused)
	for _, s := range sinks {
		g.Sink(s.Name, s.Written, s.Dropped, s.Errors)
	}
	g.Counter("levee_panics_total", "Requests that ended in a panic.", status.Panics)
}
