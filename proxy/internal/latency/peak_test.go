package latency

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestPeakEWMA(t *testing.T) {
	t0 := time.Now()
	var e Peak
	e.Observe(t0, 100*time.Millisecond)
	if got := e.Get(t0); got != 0.1 {
		t.Errorf("the first sample counts whole: %v", got)
	}
	e.Observe(t0, time.Second)
	if got := e.Get(t0); got != 1 {
		t.Errorf("a higher sample counts at once: %v", got)
	}
	e.Observe(t0, 0)
	if got := e.Get(t0); math.Abs(got-0.95) > 1e-9 {
		t.Errorf("a lower one pulls a little: %v", got)
	}
	if got := e.Get(t0.Add(decayTime)); math.Abs(got-0.95/math.E) > 1e-9 {
		t.Errorf("it fades with time: %v", got)
	}
	e.AtLeast(t0.Add(decayTime), 300*time.Millisecond)
	if got := e.Get(t0.Add(decayTime)); math.Abs(got-0.95/math.E) > 1e-9 {
		t.Errorf("what is quicker than is known says nothing where it may have taken longer: %v", got)
	}
	e.AtLeast(t0.Add(decayTime), 400*time.Millisecond)
	if got := e.Get(t0.Add(decayTime)); got != 0.4 {
		t.Errorf("what took longer than is known counts at once: %v", got)
	}
	before := e.Get(t0.Add(decayTime))
	if got := e.Get(t0.Add(-time.Hour)); got != before {
		t.Errorf("a clock that jumps back changes nothing: %v", got)
	}
}

// TestPeakFadesInSteps: samples that come quickly one after the other are taken
// together as if the average faded before each of them.
func TestPeakFadesInSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	var e Peak
	exact, at := 0.0, now
	for range 100_000 {
		now = now.Add(time.Duration(random.Int64N(int64(decayStep) / 10)))
		sample := time.Duration(random.Int64N(int64(time.Second)))
		e.Observe(now, sample)
		exact *= math.Exp(-float64(now.Sub(at)) / float64(decayTime))
		if at = now; sample.Seconds() >= exact {
			exact = sample.Seconds()
		} else {
			exact += (sample.Seconds() - exact) * sampleWeight
		}
		if got := e.Get(now); math.Abs(got/exact-1) > 1e-3 {
			t.Fatalf("%v, and in steps %v", exact, got)
		}
	}
}
