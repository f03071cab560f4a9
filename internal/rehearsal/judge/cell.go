package judge

import (
	"fmt"
	"math"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Course is how the load of a cell moves over time.
type Course uint8

// The courses.
const (
	// Steady load from start to end.
	Steady Course = iota
	// Surging: a third of each cycle at the cell's load, the rest at half of
	// the capacity, or half of the cell's load where that is less.
	Surging
	// Diurnal: a cosine between a tenth of the cell's load and all of it.
	Diurnal
)

// String names the course.
func (c Course) String() string { return [...]string{"steady", "surging", "diurnal"}[c] }

// Behaviour is how a cell's clients behave.
type Behaviour uint8

// The behaviours.
const (
	// Patient clients wait forever, and don't try again.
	Patient Behaviour = iota
	// Naive clients give an attempt up after ten mean service times and try
	// again at once, three times, 3.75 timeouts in all. They don't reset what
	// they gave up: the limiter isn't told.
	Naive
	// Resetting clients are naive ones that reset: the limiter learns at once
	// that they left, and nothing from it.
	Resetting
)

// String names the behaviour.
func (b Behaviour) String() string { return [...]string{"patient", "naive", "resetting"}[b] }

// Cell is one point of the grid.
type Cell struct {
	Workers int
	Mean    time.Duration
	Shape   sim.Shape
	// Load is what is offered at most, as a share of the capacity.
	Load   float64
	Course Course
	Client Behaviour
}

// String names the cell as in the report.
func (c Cell) String() string {
	return fmt.Sprintf("%d × %v %v, %.0f%% %v, %v", c.Workers, c.Mean, c.Shape, 100*c.Load, c.Course, c.Client)
}

// The measured spans' groups.
const (
	groupOverload = iota // more is offered than the service can work off
	groupCalm            // the others, for the plots' sake
)

// Scope says how much is simulated of each cell.
type Scope struct {
	// Calls is how many requests a cell should have at least, for its figures
	// to be steady; MaxCycles bounds how often its cycle is repeated for that.
	Calls     int
	MaxCycles int
	// MaxCalls is how many it may have. A cell that would have more even at
	// its shortest is left out.
	MaxCalls int
}

// cycleLeast and cycleMost bound the length of a cell's cycle, in time and in
// mean service times: a surge is a third of it, and recovery is allowed 2 s.
const (
	cycleLeast      = 6 * time.Second
	cycleMost       = 15 * time.Second
	cycleLeastMeans = 150
)

// base returns the load between surges.
func (c Cell) base() float64 { return min(0.5, c.Load/2) }

// meanLoad returns the average of the load over a cycle.
func (c Cell) meanLoad() float64 {
	switch c.Course {
	case Surging:
		return (2*c.base() + c.Load) / 3
	case Diurnal:
		return 0.55 * c.Load
	}
	return c.Load
}

// cycle returns the length of a cycle and how many there are; false if the
// cell has too many requests for the scope.
func (c Cell) cycle(s Scope) (time.Duration, int, bool) {
	rate := c.meanLoad() * float64(c.Workers) / c.Mean.Seconds()
	least := max(cycleLeast, cycleLeastMeans*c.Mean)
	most := max(cycleMost, cycleLeastMeans*c.Mean)
	length := most
	if calls := rate * most.Seconds(); calls > float64(s.MaxCalls) {
		length = time.Duration(float64(s.MaxCalls) / rate * float64(time.Second))
		if length < least {
			return 0, 0, false
		}
	}
	cycles := int(math.Ceil(float64(s.Calls) / (rate * length.Seconds())))
	return length.Round(time.Millisecond), min(max(cycles, 1), max(s.MaxCycles, 1)), true
}

// Scenario returns what is simulated for the cell; false if it is too big.
func (c Cell) Scenario(scope Scope, seed uint64) (sim.Scenario, bool) {
	length, cycles, ok := c.cycle(scope)
	if !ok {
		return sim.Scenario{}, false
	}
	capacity := float64(c.Workers) / c.Mean.Seconds()
	s := sim.Scenario{
		Name: c.String(), Seed: seed,
		Duration: length * time.Duration(cycles), Fold: length, Bucket: length / 120,
		// Cold starts are a scenario of their own.
		Warmup: length / 6, Drain: 40*c.Mean + time.Second,
		Service: sim.Service{Workers: c.Workers, Classes: sim.OneClass(c.Shape, c.Mean)},
		Clients: []sim.Population{c.population()},
	}
	switch c.Course {
	case Steady:
		s.Clients[0].Rate = capacity * c.Load
		c.span(&s, s.Warmup, s.Duration, c.Load)
	case Surging:
		s.Clients[0].Rate = capacity * c.base()
		for i := range cycles {
			from := length*time.Duration(i) + length/3
			s.Triggers = append(s.Triggers, sim.Trigger{Kind: sim.Surge, At: from, For: length / 3, Factor: c.Load / c.base()})
			c.span(&s, from, from+length/3, c.Load)
		}
	case Diurnal:
		c.days(&s, length, cycles)
	}
	return s, true
}

// days lays a cosine over each cycle, in steps.
func (c Cell) days(s *sim.Scenario, length time.Duration, cycles int) {
	const steps = 24
	s.Clients[0].Rate = float64(c.Workers) / c.Mean.Seconds()
	step := length / steps
	for i := range cycles * steps {
		at := length*time.Duration(i/steps) + step*time.Duration(i%steps)
		phase := 2 * math.Pi * (float64(i%steps) + 0.5) / steps
		load := c.Load * (0.1 + 0.9*(1-math.Cos(phase))/2)
		// Steps meet exactly: the last one of a cycle lasts what is left.
		lasts := step
		if i%steps == steps-1 {
			lasts = length - step*(steps-1)
		}
		s.Triggers = append(s.Triggers, sim.Trigger{Kind: sim.Surge, At: at, For: lasts, Factor: load})
		if at >= s.Warmup {
			c.span(s, at, at+lasts, load)
		}
	}
}

// span marks an overload, if it is one.
func (c Cell) span(s *sim.Scenario, from, to time.Duration, load float64) {
	group := groupCalm
	if load > 1 {
		group = groupOverload
	}
	s.Spans = append(s.Spans, sim.Span{From: from, To: to, Group: group})
}

// patience is how many mean service times impatient clients wait for an attempt.
const patience = 10

func (c Cell) population() sim.Population {
	if c.Client == Patient {
		return sim.Population{}
	}
	timeout := patience * c.Mean
	return sim.Population{Timeout: timeout, Deadline: timeout * 15 / 4, Retries: 3, Silent: c.Client == Naive}
}
