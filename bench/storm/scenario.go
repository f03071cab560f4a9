package main

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/judge"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// scenario is one of the simulator's named scenarios, at its real-time length.
// Its times count from the first moment at which requests may come.
type scenario struct {
	sim.Scenario
	// Story says what happens.
	Story string
	// From and To are the trigger's; both 0 if nothing happens.
	From, To time.Duration
	// Quiet is from when on nothing may be shed any more.
	Quiet time.Duration
	// ShedBar is the share of attempts that may be shed from then on.
	ShedBar float64
	// Limited says that what reaches the service during the trigger is held
	// against what it can work off.
	Limited bool
	// Against is another way that it is also run, to compare how many attempts
	// clients make; empty: none.
	Against way
}

// lengths are how long the parts of a run take in real time.
type lengths struct {
	before time.Duration // until the trigger
	during time.Duration // the trigger, at most
	settle time.Duration // after the trigger, until nothing may be shed
	after  time.Duration // from the trigger's end to the run's
	calm   time.Duration // a run without a trigger
}

var (
	fullLength = lengths{before: 10 * time.Second, during: 10 * time.Second, settle: 5 * time.Second, after: 15 * time.Second, calm: time.Minute}
	// shortLength is for a test: enough for each part to be seen.
	shortLength = lengths{before: 3 * time.Second, during: 2 * time.Second, settle: 1500 * time.Millisecond, after: 3 * time.Second, calm: 5 * time.Second}
)

// idleShedBar is the share of attempts that may be shed while the service has
// room, as the simulator's judge has it.
const idleShedBar = 0.001

// scenarioNames are the names, in the table's order.
func scenarioNames() []string {
	return []string{"slowdown", "surge", "loss", "drift", "mixed", "trickle", "layers", "honouring"}
}

// find returns the scenario of that name; it must be one of scenarioNames.
func find(name string, short bool) scenario {
	l := fullLength
	if short {
		l = shortLength
	}
	switch name {
	case "layers":
		return layered(false, l)
	case "honouring":
		return layered(true, l)
	}
	for _, n := range judge.NamedScenarios() {
		if n.File == name {
			return cut(n, l)
		}
	}
	panic("no scenario " + name) // scenarioNames and the simulator's disagree: a test would have said so
}

// cut gives a simulated scenario its lengths in real time.
func cut(n judge.Named, l lengths) scenario {
	s := scenario{Scenario: n.Scenario, Story: n.Story, ShedBar: idleShedBar}
	s.Name, s.Warmup, s.Drain = n.File, 0, 0
	if len(n.Triggers) == 0 {
		s.Duration, s.ShedBar = l.calm, 0
		s.Spans = []sim.Span{{From: 0, To: s.Duration}}
		return s
	}
	t := n.Triggers[0]
	forGood := t.For == 0
	s.Limited = t.Kind == sim.Slowdown || t.Kind == sim.Loss
	t.At, t.For = l.before, min(t.For, l.during)
	s.From, s.To = l.before, l.before+min(n.To-n.From, l.during)
	s.Quiet = s.To + l.settle
	if forGood {
		// The trigger's span is already what it may take to settle.
		s.Quiet, s.ShedBar = s.To, 0
	}
	s.Triggers = []sim.Trigger{t}
	s.Duration = s.To + l.after
	s.Spans = []sim.Span{{From: s.From, To: s.To}}
	return s
}

// span is the stretch whose goodput counts: the trigger, or all of the run.
func (s *scenario) span() (from, to time.Duration) {
	return s.Spans[0].From, s.Spans[0].To
}

// condition is the service's at a moment, and by how much more is asked of it.
type condition struct {
	// Slow multiplies service times.
	Slow float64 `json:"slow"`
	// Workers is how many requests are worked on at once.
	Workers int `json:"workers"`
	// load multiplies the clients' rate.
	load float64
}

// at returns the condition at a moment.
func (s *scenario) at(t time.Duration) condition {
	c := condition{Slow: 1, load: 1, Workers: s.Service.Workers}
	workers := float64(c.Workers)
	for _, tr := range s.Triggers {
		if t < tr.At || tr.For > 0 && t >= tr.At+tr.For {
			continue
		}
		switch tr.Kind {
		case sim.Slowdown:
			c.Slow *= tr.Factor
		case sim.Surge:
			c.load *= tr.Factor
		case sim.Loss:
			workers *= 1 - tr.Factor
		case sim.Drift:
			c.Slow *= tr.Factor
			workers *= tr.Factor
		}
	}
	c.Workers = int(workers + 0.5)
	return c
}

// capacity is how many requests a second the service can work off at a moment.
func (s *scenario) capacity(at time.Duration) float64 {
	c := s.at(at)
	return float64(c.Workers) / s.Service.MeanTime().Seconds() / c.Slow
}

// changes are the moments at which the condition changes, in order.
func (s *scenario) changes() []time.Duration {
	var all []time.Duration
	for _, t := range s.Triggers {
		all = append(all, t.At)
		if t.For > 0 {
			all = append(all, t.At+t.For)
		}
	}
	return all
}
