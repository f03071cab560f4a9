package main

import (
	"slices"

	gates "github.com/levee-proxy/levee/internal/rehearsal/levee"
	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	"github.com/levee-proxy/levee/limiter/storm"
)

// unlike is how many things a population asks for that never asks twice for
// the same, as far as anyone remembers.
const unlike = 1 << 30

// simulated plays a scenario in virtual time and returns its goodput as a share
// of the ideal: what the real run should give, if the simulator is right about
// the world.
func simulated(s scenario, through way) (float64, error) {
	gate := rivals.None
	switch through {
	case throughLevee:
		gate = func(w *sim.World) sim.Gate { return gates.New(w, gates.Config{Storm: &storm.Config{}}) }
	case stormOff:
		gate = func(w *sim.World) sim.Gate { return gates.New(w, gates.Config{Heard: true}) }
	}
	s.Trace = false
	s.Clients = slices.Clone(s.Clients)
	if p := &s.Clients[0]; p.Targets == 0 {
		p.Targets = unlike
	}
	result, err := sim.Run(s.Scenario, gate)
	if err != nil {
		return 0, err
	}
	g := result.Groups[0]
	return ratio(float64(g.Good), s.IdealOf(0, g.Offered)), nil
}
