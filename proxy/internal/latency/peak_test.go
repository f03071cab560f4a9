package latency

import (
	"math"
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
	before := e.Get(t0.Add(decayTime))
	if got := e.Get(t0.Add(-time.Hour)); got != before {
		t.Errorf("a clock that jumps back changes nothing: %v", got)
	}
}
