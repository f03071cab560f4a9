package rivals

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// aimd adds one to the limit for each answer while at least half of it is in
// use, and takes a tenth away for each drop; an answer that takes longer than
// the timeout is a drop.
//
// Reference: Netflix concurrency-limits, AIMDLimit: initial 20, 20 to 200
// (here 1 to Ceiling: a floor of 20 would be one more handicap), backoff
// ratio 0.9, timeout 5 s.
type aimd struct {
	untimed
	n       int
	timeout time.Duration
}

// AIMD returns the rule with its default timeout of 5 s; or, in its favour,
// that of the clients where they have a shorter one.
func AIMD(w *sim.World) sim.Gate {
	a := &aimd{n: 20, timeout: 5 * time.Second}
	for _, p := range w.Scenario().Clients {
		if p.Timeout > 0 {
			a.timeout = min(a.timeout, p.Timeout)
		}
	}
	return newGate(w, a)
}

func (a *aimd) limit() int { return a.n }

func (a *aimd) learn(s sample) {
	switch {
	case s.drop || s.latency > a.timeout:
		a.n = int(float64(a.n) * 0.9)
	case s.inflight*2 >= a.n:
		a.n++
	}
	a.n = min(max(a.n, 1), Ceiling)
}
