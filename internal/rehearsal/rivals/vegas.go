package rivals

import (
	"math"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// vegas estimates the queue in the service from the shortest latency seen, and
// moves the limit so that the queue stays between two bounds.
//
// Reference: Netflix concurrency-limits, VegasLimit: initial 20, 1 to 1000
// (here Ceiling), alpha 3·log10 L, beta 6·log10 L, threshold log10 L, steps of
// log10 L or beta, no smoothing, updated with each answer; after 15 to 30
// times L answers the shortest latency is forgotten, and the latest taken.
type vegas struct {
	untimed
	estimate float64
	noLoad   time.Duration
	count    int
	jitter   float64 // 0.5 to 1
	chance   chance
}

// Vegas returns the rule.
func Vegas(w *sim.World) sim.Gate {
	v := &vegas{estimate: 20, chance: chance{w.Scenario().Seed}}
	v.jitter = 0.5 + v.chance.next()/2
	return newGate(w, v)
}

func (v *vegas) limit() int { return int(v.estimate) }

const probeMultiplier = 30

func (v *vegas) learn(s sample) {
	v.count++
	if v.jitter*probeMultiplier*v.estimate <= float64(v.count) {
		v.jitter = 0.5 + v.chance.next()/2
		v.count = 0
		v.noLoad = s.latency
		return
	}
	if v.noLoad == 0 || s.latency < v.noLoad {
		v.noLoad = s.latency
		return
	}
	queue := math.Ceil(v.estimate * (1 - float64(v.noLoad)/float64(s.latency)))
	step := log10(v.estimate)
	next := v.estimate
	switch {
	case s.drop:
		next -= step
	case float64(s.inflight)*2 < v.estimate:
		return
	case queue <= step:
		next += 6 * step
	case queue < 3*step:
		next += step
	case queue > 6*step:
		next -= step
	}
	v.estimate = min(max(next, 1), Ceiling)
}

// log10 is the original's: a whole number of at least 1, and a square root
// from 1000 on.
func log10(limit float64) float64 {
	n := math.Trunc(limit)
	if n >= 1000 {
		return math.Trunc(math.Sqrt(n))
	}
	return max(1, math.Trunc(math.Log10(max(n, 1))))
}

// chance is a small generator of its own: a rule's dice must not move the
// simulator's.
type chance struct{ state uint64 }

func (c *chance) next() float64 {
	c.state = c.state*6364136223846793005 + 1442695040888963407
	return float64(c.state>>11) / (1 << 53)
}
