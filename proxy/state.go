package proxy

import (
	"time"

	"github.com/levee-proxy/levee/proxy/internal/learned"
)

// StateStatus tells of the state file.
type StateStatus = learned.Status

// learned is what the limiters of all endpoints know now.
func (p *Proxy) learned(now time.Time) []learned.Endpoint {
	var all []learned.Endpoint
	for _, u := range p.gen.Load().upstreams {
		u.mu.Lock()
		endpoints := u.endpoints
		u.mu.Unlock()
		names := u.classes.Names()
		for _, e := range endpoints {
			if e.limiter == nil {
				continue
			}
			if l, ok := learned.Of(u.cfg.Name, e.address, e.limiter.State(), names, now); ok {
				all = append(all, l)
			}
		}
	}
	return all
}
