package proxy

import (
	"math/rand/v2"
	"time"
)

// idleLatency stands in for the latency of an endpoint that has none yet, so
// that inflight alone decides between two new ones.
const idleLatency = 1e-6 // seconds

// pick chooses the endpoint for a request: the better of two taken at random
// (power of two choices; Mitzenmacher 2001), which avoids both the herd that
// runs for the one best and the cost of looking at all. Better is lower
// latency × (inflight + 1). An endpoint on its ramp takes part with a chance
// that grows to one.
//
// Endpoints that are ejected or unhealthy are left out, unless all are: then
// all are used, since a broken check must not turn a service off.
func (u *Upstream) pick(now time.Time) *endpoint {
	eps := *u.usable.Load()
	switch len(eps) {
	case 0:
		return nil
	case 1:
		return eps[0]
	}
	i := rand.IntN(len(eps))
	j := rand.IntN(len(eps) - 1)
	if j >= i {
		j++
	}
	a, b := eps[i], eps[j]
	shareA, shareB := a.share(now), b.share(now)
	if shareA < 1 || shareB < 1 {
		switch tookA, tookB := rand.Float64() < shareA, rand.Float64() < shareB; {
		case tookA && !tookB:
			return a
		case tookB && !tookA:
			return b
		}
	}
	if b.cost(now) < a.cost(now) {
		return b
	}
	return a
}

func (e *endpoint) cost(now time.Time) float64 {
	return max(e.latency.get(now), idleLatency) * float64(e.inflight.Load()+1)
}

// rebuild takes the endpoints that the balancer chooses from anew. u.mu must be held.
func (u *Upstream) rebuild() {
	usable := make([]*endpoint, 0, len(u.endpoints))
	for _, e := range u.endpoints {
		if !e.out.Load() {
			usable = append(usable, e)
		}
	}
	if len(usable) == 0 {
		usable = append(usable, u.endpoints...)
	}
	u.usable.Store(&usable)
}
