package sim

import (
	"math"
	"time"
)

// TriggerKind is what a trigger does.
type TriggerKind uint8

// The kinds of triggers.
const (
	// Slowdown multiplies service times by Factor; what is being worked on
	// already isn't slowed.
	Slowdown TriggerKind = iota
	// Surge multiplies the arrival rate of all clients by Factor; it is also
	// how a load that rises and falls with the day is made.
	Surge
	// Loss takes away a share of Factor of the workers; each one that is busy
	// finishes first.
	Loss
	// Drift makes the service Factor times slower and Factor times wider: its
	// capacity stays what it was.
	Drift
	// Down kills all work and refuses what comes, at once.
	Down
	// Restart is Down, and a slow start afterwards.
	Restart
	// SlowDependency multiplies the dependency's latency by Factor.
	SlowDependency
)

// String names the kind as in the report.
func (k TriggerKind) String() string {
	return [...]string{"slowdown", "surge", "loss", "drift", "down", "restart", "slow dependency"}[k]
}

// Trigger is something that happens to the service or to the clients.
type Trigger struct {
	Kind TriggerKind
	// At is when it begins; For is how long it stays. Default: 0, to the end.
	At, For time.Duration
	// Factor is explained with each kind.
	Factor float64
}

func (t *Trigger) active(now time.Duration) bool {
	return now >= t.At && (t.For == 0 || now < t.At+t.For)
}

// restarted returns how long ago the last restart ended.
func (s *Scenario) restarted(now time.Duration) (since time.Duration, ok bool) {
	for _, t := range s.Triggers {
		end := t.At + t.For
		if t.Kind == Restart && t.For > 0 && end <= now && (!ok || now-end < since) {
			since, ok = now-end, true
		}
	}
	return since, ok
}

// condition is what all triggers together make of the world.
type condition struct {
	slow       float64 // of service times
	load       float64 // of arrival rates
	workers    int
	dependency float64
	down       bool
}

// condition returns the state of the world at a time. It is computed from all
// triggers each time anew, so that nothing adds up over a long run.
func (s *Scenario) condition(now time.Duration) condition {
	c := condition{slow: 1, load: 1, dependency: 1}
	workers := float64(s.Service.Workers)
	for i := range s.Triggers {
		t := &s.Triggers[i]
		if !t.active(now) {
			continue
		}
		switch t.Kind {
		case Slowdown:
			c.slow *= t.Factor
		case Surge:
			c.load *= t.Factor
		case Loss:
			workers *= 1 - t.Factor
		case Drift:
			c.slow *= t.Factor
			workers *= t.Factor
		case Down, Restart:
			c.down = true
		case SlowDependency:
			c.dependency *= t.Factor
		}
	}
	c.workers = int(math.Round(workers))
	if c.down {
		c.workers = 0
	}
	return c
}
