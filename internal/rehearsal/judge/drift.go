package judge

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// driftSettle is how long after a drift shedding is forgiven.
const driftSettle = 5 * time.Second

// driftLoad is what is offered, before and after: nothing need be shed.
const driftLoad = 0.6

// DriftCells returns the services that become three times slower and wider.
// Their clients are patient, or resetting ones with three times the patience
// of the grid's, so that the slower service can still answer in time.
func DriftCells() []Cell {
	var cells []Cell
	for i, workers := range gridWorkers {
		for j, mean := range gridMeans {
			// Each shape and each kind of client with each width and mean in turn.
			client := Patient
			if (i+j)%2 == 1 {
				client = Resetting
			}
			cells = append(cells, Cell{Workers: workers, Mean: mean, Shape: gridShapes[(i+j/2+j)%len(gridShapes)], Load: driftLoad, Client: client})
		}
	}
	return cells
}

// driftScenario returns a run of a cell with its drift; false if it is too big.
func driftScenario(c Cell, scope Scope, seed uint64) (sim.Scenario, bool) {
	s, ok := c.Scenario(scope, seed)
	if !ok {
		return s, false
	}
	p := &s.Clients[0]
	p.Timeout, p.Deadline = 3*p.Timeout, 3*p.Deadline
	at := s.Warmup + (s.Duration-s.Warmup-driftSettle)/3
	s.Fold = s.Duration
	s.Bucket = s.Duration / 200
	s.Triggers = []sim.Trigger{{Kind: sim.Drift, At: at, Factor: 3}}
	s.Spans = []sim.Span{{From: at + driftSettle, To: s.Duration}}
	return s, at+driftSettle < s.Duration
}

// measureDrift judges a run of it.
func measureDrift(r *sim.Result) Measures {
	m := unknown()
	if g := &r.Groups[0]; g.Attempts > 0 {
		m.Drift = float64(g.ShedTotal()) / float64(g.Attempts)
	}
	return m
}
