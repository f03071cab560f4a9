package main

import (
	"github.com/levee-proxy/levee/internal/rehearsal/judge"
	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// simulated plays a scenario in virtual time, with the limiter alone, and
// returns its goodput as a share of the ideal: what the real run should give, if
// the simulator is right about the world.
func simulated(s scenario, through way) (float64, error) {
	gate := rivals.None
	if through == throughLevee {
		gate = judge.Levee()
	}
	s.Trace = false
	result, err := sim.Run(s.Scenario, gate)
	if err != nil {
		return 0, err
	}
	g := result.Groups[0]
	return ratio(float64(g.Good), s.IdealOf(0, g.Offered)), nil
}
