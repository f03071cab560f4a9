package limiter

import (
	"math"
	"testing"
)

// TestCurveIsInflation: what the curve says is what the search finds, for
// latencies that don't spread and for such that spread a lot.
func TestCurveIsInflation(t *testing.T) {
	for _, spread := range []float64{0, 0.3, 1, 2} {
		var b baselines
		for i := range shapeSize {
			b.form(spread * math.Sin(float64(i)))
		}
		c := b.curve()
		for _, log := range []float64{-1, -0.1, 0, 0.01, 0.1, 0.3, 0.7, 1.5, 2.5} {
			got, want := c.inflation(log), b.inflation(log)
			if math.Abs(got/want-1) > 0.02 {
				t.Errorf("spread %v, mean logarithm %v: %.4f, want %.4f", spread, log, got, want)
			}
		}
	}
}

// TestCurveWithoutShape: before any latency is known a mean logarithm is taken
// as it is.
func TestCurveWithoutShape(t *testing.T) {
	c := new(baselines).curve()
	if got := c.inflation(0.5); got != math.Exp(0.5) {
		t.Errorf("an inflation of %v, want %v", got, math.Exp(0.5))
	}
}
