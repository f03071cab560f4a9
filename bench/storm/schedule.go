package main

import (
	"math/rand/v2"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// arrivals returns when requests come: a Poisson process whose rate follows the
// triggers. The same seed gives the same moments, whatever the machine does.
func arrivals(s *scenario) []time.Duration {
	const stream = 1
	chance := rand.New(rand.NewPCG(s.Seed, stream))
	base := s.Clients[0].Rate
	edges := append(s.changes(), s.Duration)
	var all []time.Duration
	now, wait := time.Duration(0), chance.ExpFloat64() // wait is in mean intervals
	for _, edge := range edges {
		rate := base * s.at(now).load
		for {
			next := now + time.Duration(wait/rate*float64(time.Second))
			if next >= edge {
				// What is left of the wait passes at the next rate.
				wait -= (edge - now).Seconds() * rate
				now = edge
				break
			}
			all = append(all, next)
			now, wait = next, chance.ExpFloat64()
		}
	}
	return all
}

// demand is how long a worker takes for an attempt when nothing slows the
// service. It depends on the seed, the request and the attempt alone: every
// limiter is asked for the very same work.
func demand(d sim.Dist, seed, request uint64, attempt int) time.Duration {
	x := mix(seed + golden*request)
	u := float64(mix(x+golden*uint64(attempt))>>11) / (1 << 53)
	return d.Quantile(u)
}

// golden and mix are splitmix64's.
const golden = 0x9e3779b97f4a7c15

func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
