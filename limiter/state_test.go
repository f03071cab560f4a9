package limiter

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// TestState hands what one limiter has learned to the next, through JSON.
func TestState(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := New(Config{}, now)
	for i := range 200 {
		w := &Waiter{Class: i % 3, Priority: Default}
		if l.Acquire(now, w) != Admitted {
			t.Fatal("not admitted")
		}
		now = now.Add(time.Duration(10+i%3) * time.Millisecond)
		l.End(now, w, Success)
	}
	text, err := json.Marshal(l.State())
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	next := New(Config{State: &s}, now)
	a, b := l.Status(now), next.Status(now)
	if a.Limit != b.Limit || len(b.Baselines) != 3 {
		t.Fatalf("handed on limit %v as %v, baselines %v as %v", a.Limit, b.Limit, a.Baselines, b.Baselines)
	}
	for i := range b.Baselines {
		if d := a.Baselines[i] - b.Baselines[i]; d < -time.Microsecond || d > time.Microsecond {
			t.Errorf("class %d: baseline %v became %v", i, a.Baselines[i], b.Baselines[i])
		}
	}
}

// TestStateUnsound hands on what no limiter could have written: it is ignored,
// the sound rest isn't.
func TestStateUnsound(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	good := ClassState{Baseline: 1e6, Samples: 10}
	for name, s := range map[string]State{
		"no baseline":        {Limit: 100},
		"limit below least":  {Limit: -3, Classes: []ClassState{good}},
		"limit not a number": {Limit: math.NaN(), Classes: []ClassState{good}},
		"limit above most":   {Limit: 1e300, Classes: []ClassState{good}},
		"no latency":         {Limit: 100, Classes: []ClassState{{Baseline: 0, Samples: 10}}},
		"endless latency":    {Limit: 100, Classes: []ClassState{{Baseline: math.Inf(1), Samples: 10}}},
		"too many classes":   {Limit: math.NaN(), Classes: make([]ClassState, 1000)},
		"shape":              {Limit: 0, Classes: []ClassState{good}, Shape: []float64{math.NaN(), -1, math.Inf(1)}},
	} {
		l := New(Config{State: &s}, now)
		if got := l.Status(now).Limit; got != defaultInitial {
			t.Errorf("%s: limit %v, want %v", name, got, float64(defaultInitial))
		}
		w := &Waiter{Priority: Default}
		if l.Acquire(now, w) != Admitted {
			t.Errorf("%s: not admitted", name)
			continue
		}
		l.End(now.Add(time.Millisecond), w, Success)
		if got := l.Status(now).Limit; math.IsNaN(got) {
			t.Errorf("%s: limit is no number", name)
		}
	}
}
