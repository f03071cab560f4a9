package proxy

import "github.com/levee-proxy/levee/internal/telemetry"

// Gauges reports what the proxy holds right now; it is for
// [telemetry.Metrics.Observe], which calls it at each scrape.
func (p *Proxy) Gauges(g *telemetry.Gauges) {
	s := p.Status()
	for _, l := range s.Listeners {
		g.Listener(l.Address, l.Connections, l.MaxConnections, l.Accepted, l.Delayed)
	}
	for _, u := range s.Upstreams {
		for _, e := range u.Endpoints {
			g.Endpoint(u.Name, e.Address, e.State, e.Inflight, e.Connections, e.Latency)
		}
	}
	g.Counter("levee_panics_total", "Requests that ended in a panic of the proxy.", s.Panics)
}
