package limiter

import (
	"math"
	"time"
)

// State is what a limiter has learned, for one that takes its place: after a
// reload, or after a restart. It is plain data and may be written as JSON.
type State struct {
	// Limit is the number of requests that may be inflight, but for those of
	// classes that are apart: a limiter begins with all in common.
	Limit float64 `json:"limit"`
	// Classes are the baselines, by class; those unknown have no samples.
	Classes []ClassState `json:"classes,omitempty"`
	// Shape are latencies without queueing, each over its class's baseline.
	Shape []float64 `json:"shape,omitempty"`
}

// ClassState is one class's baseline.
type ClassState struct {
	// Baseline is the latency without queueing, in nanoseconds: a geometric mean.
	Baseline float64 `json:"baseline"`
	// Samples is how many it rests on.
	Samples float64 `json:"samples"`
}

// State takes a copy of what the limiter has learned.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := &l.ctl.base
	s := State{Limit: l.ctl.limit, Shape: append([]float64(nil), b.shape[:min(b.seen, shapeSize)]...)}
	for i := range b.class {
		if c := b.class[i]; c.samples > 0 {
			for len(s.Classes) < i {
				s.Classes = append(s.Classes, ClassState{})
			}
			s.Classes = append(s.Classes, ClassState{Baseline: math.Exp(c.log), Samples: c.samples})
		}
	}
	return s
}

// restore takes over what is sound of a state: it may come from a file.
func (c *controller) restore(s *State) {
	for i, class := range s.Classes {
		if i >= MaxClasses || !sound(class.Baseline, 1, float64(24*time.Hour)) || !sound(class.Samples, 1, math.MaxFloat64) {
			continue
		}
		c.base.class[i] = baseline{log: math.Log(class.Baseline), samples: min(class.Samples, baselineMemory)}
		c.boot = false
	}
	if c.boot {
		return // a limit without a baseline says nothing
	}
	if sound(s.Limit, c.min, c.max) {
		c.limit, c.before = s.Limit, s.Limit
	}
	for _, x := range s.Shape {
		if sound(x, 1e-6, 1e6) {
			c.base.shape[c.base.seen%shapeSize] = x
			c.base.seen++
		}
	}
}

func sound(x, low, high float64) bool { return x >= low && x <= high }
