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
//
// Where the better one has no room, one that has takes the request before it
// waits anywhere.
func (u *Upstream) pick(now time.Time) *endpoint {
	return choose(*u.usable.Load(), now) // once: it may be replaced at any time
}

// choose is pick among these.
func choose(eps []*endpoint, now time.Time) *endpoint {
	e := draw(eps, now)
	if len(eps) <= 1 || e.hasRoom(now) {
		return e
	}
	if other := roomy(eps, now); other != nil {
		return other
	}
	return e
}

// maxLooks bounds how many endpoints are asked whether they have room: in a
// storm none has, and each request would ask all of them.
const maxLooks = 16

// roomy is the cheapest endpoint that would admit a request at once, of those
// that are looked at; or nil.
func roomy(eps []*endpoint, now time.Time) (best *endpoint) {
	first := rand.IntN(len(eps))
	for i := range min(len(eps), maxLooks) {
		e := eps[(first+i)%len(eps)]
		if e.hasRoom(now) && e.takesPart(now) && (best == nil || e.cost(now) < best.cost(now)) {
			best = e
		}
	}
	return best
}

// draw is pick, whether there is room or not.
func draw(eps []*endpoint, now time.Time) *endpoint {
	switch len(eps) {
	case 0:
		return nil
	case 1:
		return eps[0]
	}
	var a, b *endpoint
	for range maxDraws {
		i := rand.IntN(len(eps))
		j := rand.IntN(len(eps) - 1)
		if j >= i {
			j++
		}
		a, b = eps[i], eps[j]
		switch takesA, takesB := a.takesPart(now), b.takesPart(now); {
		case takesA && takesB:
			if b.cost(now) < a.cost(now) {
				return b
			}
			return a
		case takesA:
			return a
		case takesB:
			return b
		}
	}
	return a // all are on their ramps: one of them has to
}

// maxDraws bounds how often two endpoints are drawn anew because both are on
// their ramps and sit this request out.
const maxDraws = 4

// takesPart says, by chance, whether the endpoint is a candidate at now: always,
// or on its ramp as often as its share says. One that answers, but by refusals and
// errors alone, is tried now and then: at endpoints that have much to do requests
// had better wait.
func (e *endpoint) takesPart(now time.Time) bool {
	share := e.share(now)
	if e.wasted.Load() >= wastedLeast {
		share = min(share, rampFloor)
	}
	return share >= 1 || rand.Float64() < share
}

func (e *endpoint) cost(now time.Time) float64 {
	return max(e.latency.Get(now), idleLatency) * float64(e.inflight.Load()+e.waiting.Load()+1)
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
