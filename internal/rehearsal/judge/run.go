package judge

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Grid is a run of many cells with some contestants.
type Grid struct {
	Cells       []Cell
	Drift       []Cell
	Contestants []Contestant
	Scope       Scope
	Seed        uint64
	// Progress, if set, is called after each cell, with how many are done.
	Progress func(done, of int)
}

// Row is what all contestants made of a cell, in their order.
type Row struct {
	Cell     Cell
	Measures []Measures
	// Fixed is the limit that the best fixed limit chose; 0 if it didn't run.
	Fixed int
}

// Run runs all cells. The result doesn't depend on how many cores there are.
func (g *Grid) Run() (cells, drift []Row, err error) {
	rows := make([]Row, len(g.Cells)+len(g.Drift))
	errs := make([]error, len(rows))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	var progress sync.Mutex
	for range min(runtime.GOMAXPROCS(0), len(rows)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(rows); i = int(next.Add(1)) - 1 {
				if i < len(g.Cells) {
					rows[i], errs[i] = g.row(g.Cells[i])
				} else {
					rows[i], errs[i] = g.driftRow(g.Drift[i-len(g.Cells)])
				}
				if n := done.Add(1); g.Progress != nil {
					progress.Lock()
					g.Progress(int(n), len(rows))
					progress.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			return nil, nil, e
		}
	}
	return rows[:len(g.Cells)], rows[len(g.Cells):], nil
}

// seed returns the cell's own seed: the same one, whatever else is run.
func (c Cell) seed(seed uint64) uint64 {
	h := fnv.New64a()
	io.WriteString(h, c.String())
	return seed + h.Sum64()
}

// row runs one cell with each contestant.
func (g *Grid) row(c Cell) (Row, error) {
	row := Row{Cell: c}
	s, ok := c.Scenario(g.Scope, c.seed(g.Seed))
	if !ok {
		return row, fmt.Errorf("judge: %v doesn't fit the scope", c)
	}
	calm, err := c.calm(g.Scope, c.seed(g.Seed))
	if err != nil {
		return row, err
	}
	for _, who := range g.Contestants {
		gate := who.New
		if gate == nil {
			if row.Fixed, err = c.bestFixed(g.Scope, c.seed(g.Seed), calm); err != nil {
				return row, err
			}
			gate = rivals.Fixed(row.Fixed)
		}
		r, err := sim.Run(s, gate)
		if err != nil {
			return row, err
		}
		row.Measures = append(row.Measures, c.measure(&s, r, calm))
	}
	row.compare(g.Contestants)
	return row, nil
}

// compare measures everyone's goodput by that of the best fixed limit.
func (r *Row) compare(who []Contestant) {
	i := slices.IndexFunc(who, func(c Contestant) bool { return c.New == nil })
	if i < 0 {
		return
	}
	for j := range r.Measures {
		r.Measures[j].Versus = r.Measures[j].Goodput / r.Measures[i].Goodput
	}
}

// calm returns the share of requests that are answered in time while the cell
// has the load that it has between surges, without a limiter.
func (c Cell) calm(scope Scope, seed uint64) (float64, error) {
	if c.Course != Surging || c.Client == Patient || c.Load <= 1 {
		return 1, nil
	}
	c.Load, c.Course = c.base(), Steady
	s, ok := c.Scenario(scope, seed)
	if !ok {
		return 1, nil
	}
	r, err := sim.Run(s, rivals.None)
	if err != nil || r.Calls == 0 {
		return 1, err
	}
	return float64(r.Good) / float64(r.Calls), nil
}

// bestFixed finds the limit that an oracle would choose: by the ideal's share
// that it reaches, as long as it keeps the tail and sheds nothing when idle.
func (c Cell) bestFixed(scope Scope, seed uint64, calm float64) (int, error) {
	// A rough look is enough to choose.
	scope.Calls /= 4
	scope.MaxCycles = max(1, scope.MaxCycles/4)
	s, ok := c.Scenario(scope, seed+1)
	if !ok {
		return c.Workers, nil
	}
	best, most := c.Workers, -1e9
	for _, n := range rivals.Candidates(c.Workers) {
		r, err := sim.Run(s, rivals.Fixed(n))
		if err != nil {
			return 0, err
		}
		v := c.measure(&s, r, calm).worth() + float64(r.Good)/float64(max(r.Calls, 1))/10
		if v > most {
			best, most = n, v
		}
	}
	return best, nil
}

// worth weighs a run's measures against each other, to choose among fixed limits.
func (m Measures) worth() float64 {
	v := 0.0
	if !math.IsNaN(m.Goodput) {
		v += m.Goodput - max(0, m.Tail-1)
	}
	if !math.IsNaN(m.IdleShed) {
		v -= 10 * m.IdleShed
	}
	return v
}

// driftRow runs one drifting cell with each contestant.
func (g *Grid) driftRow(c Cell) (Row, error) {
	row := Row{Cell: c}
	s, ok := driftScenario(c, g.Scope, c.seed(g.Seed))
	if !ok {
		for range g.Contestants {
			row.Measures = append(row.Measures, unknown())
		}
		return row, nil
	}
	for _, who := range g.Contestants {
		gate := who.New
		if gate == nil {
			// Tuned for what the service was when it was tuned.
			row.Fixed = c.Workers * 5 / 4
			row.Fixed = max(row.Fixed, c.Workers+2)
			gate = rivals.Fixed(row.Fixed)
		}
		r, err := sim.Run(s, gate)
		if err != nil {
			return row, err
		}
		row.Measures = append(row.Measures, measureDrift(r))
	}
	return row, nil
}

// Series runs one cell with a contestant, and returns what happened over time,
// and the distance of the points; a cell's cycles are laid over each other.
func (c Cell) Series(scope Scope, seed uint64, who Contestant) ([]sim.Point, time.Duration, error) {
	s, ok := c.Scenario(scope, c.seed(seed))
	if !ok {
		return nil, 0, fmt.Errorf("judge: %v doesn't fit the scope", c)
	}
	s.Trace = true
	r, err := sim.Run(s, who.New)
	if err != nil {
		return nil, 0, err
	}
	return r.Series, r.Bucket, nil
}
