package limiter

import (
	"math"
	"testing"
	"time"
)

// service is what a fit is asked about: latency over the baseline, at so much
// inflight.
func service(width, slow float64) func(occ float64) float64 {
	return func(occ float64) float64 { return math.Log(slow * max(1, occ/width)) }
}

// TestFit gives a fit a few measurements of a service, and looks whether it
// finds how wide and how slow that is. Half of the measurements are a little
// too high, half too low.
func TestFit(t *testing.T) {
	const err = 0.05
	for _, test := range []struct {
		name        string
		width       float64 // known before; 0: nothing is
		is          func(float64) float64
		at          []float64 // inflight
		least, most float64   // of the width, likely
		slow        float64   // at least; 0: as always
	}{
		{"a queue, with the width known", 16, service(16, 1), []float64{30, 22, 18}, 13, 18, 0},
		{"lost workers", 16, service(8, 1), []float64{24, 17, 12, 9}, 7, 10, 0},
		{"slow", 16, service(16, 5), []float64{24, 17, 12, 18}, 12, 18, 4},
		{"slow and wide", 16, service(48, 3), []float64{20, 16, 24, 40}, 36, 1e9, 2.5},
		{"nothing known, and wide", 0, service(1e6, 1), []float64{16, 32, 64}, 60, 1e9, 0},
		{"nothing known, and narrow", 0, service(1, 0.1), []float64{16, 8, 4, 2}, 1, 2.5, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fit{trusted: test.width > 0, width: test.width}
			for i, occ := range test.at {
				y := test.is(occ) + err*float64(1-2*(i%2))
				f.add(point{occ: occ, y: y, variance: err * err, at: int64(i) * 1e8}, 5e9)
			}
			if w := f.quantile(0.5); w < test.least || w > test.most {
				t.Errorf("the likely width is %.1f, want %.1f to %.1f", w, test.least, test.most)
			}
			if s := math.Exp(f.slow); test.slow > 0 && s < test.slow || test.slow == 0 && test.width > 0 && math.Abs(s-1) > 0.15 {
				t.Errorf("it is taken to be %.2f times as slow", s)
			}
		})
	}
}

// TestFitDoubts: one measurement cannot tell a queue from a slow service, and
// the fit says so.
func TestFitDoubts(t *testing.T) {
	f := &fit{trusted: true, width: 16}
	f.add(point{occ: 24, y: math.Log(5), variance: 0.01}, 5e9)
	if f.slowErr < doubtful {
		t.Errorf("the error of log s is %.2f after one look", f.slowErr)
	}
	if low, high := f.quantile(0.1), f.quantile(0.9); high < 2*low {
		t.Errorf("width %.0f to %.0f after one look", low, high)
	}
}

// TestFitDropsWhatIsContradicted: a service that changes at one and the same
// limit cannot be both, and the older measurements go.
func TestFitDropsWhatIsContradicted(t *testing.T) {
	f := &fit{trusted: true, width: 16}
	for i := range 5 {
		f.add(point{occ: 10 + float64(i), variance: 0.0025, at: int64(i) * 1e8}, 5e9)
	}
	if f.n < 2 {
		t.Fatalf("%d points", f.n)
	}
	f.add(point{occ: 14, y: math.Log(6), variance: 0.0025, at: 5e8}, 5e9)
	if f.n != 1 {
		t.Errorf("%d points are left after a contradiction, want 1", f.n)
	}
}

// FuzzFit: whatever it is given, the weights are a distribution
// and the best limit lies within its bounds.
func FuzzFit(f *testing.F) {
	f.Add(10.0, 0.1, 0.01, 40.0, 1.5, 0.3)
	f.Add(1.0, -5.0, 1e-9, 1e6, 9.0, 1e9)
	f.Fuzz(func(t *testing.T, occ1, y1, var1, occ2, y2, var2 float64) {
		m := &fit{}
		for i, p := range []point{{occ: occ1, y: y1, variance: var1}, {occ: occ2, y: y2, variance: var2}} {
			// What a window can measure, and nothing else.
			if !sound(p.occ, 1, 1e6) || !sound(p.y, -20, 20) || !sound(p.variance, 1e-9, 1e9) {
				t.Skip()
			}
			p.at = int64(i) * int64(time.Second)
			m.add(p, 5e9)
		}
		sum := 0.0
		for _, w := range m.weight {
			sum += w
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("the weights' sum is %v", sum)
		}
		if best := m.best(3, 30, priceUsed, false); best < 3 || best > 30 {
			t.Errorf("the best limit from 3 to 30 is %v", best)
		}
	})
}

// BenchmarkDecision: what a window costs, ten times a second at most.
func BenchmarkDecision(b *testing.B) {
	f, is := &fit{trusted: true, width: 16}, service(16, 1)
	for i := 0; b.Loop(); i++ {
		occ := 12 + float64(i%10)
		f.add(point{occ: occ, y: is(occ), variance: 0.003, at: int64(i) * 1e8}, 5e9)
		f.best(10, 30, priceUsed, false)
		f.remember()
	}
}
