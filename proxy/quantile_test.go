package proxy

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestP95 holds the estimate to the exact percentile of the last samples.
func TestP95(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for name, draw := range map[string]func() time.Duration{
		"exponential": func() time.Duration { return time.Duration(rng.ExpFloat64() * float64(20*time.Millisecond)) },
		"two kinds": func() time.Duration {
			if rng.IntN(10) == 0 {
				return time.Second
			}
			return time.Millisecond
		},
		"constant": func() time.Duration { return 42 * time.Millisecond },
	} {
		l := newLatencies()
		var all []time.Duration
		for range latencyMost - 1 {
			d := draw()
			all = append(all, d)
			l.observe(3, d)
		}
		slices.Sort(all)
		exact := all[len(all)*95/100]
		got, ok := l.p95(3)
		if !ok || float64(got) < 0.9*float64(exact) || float64(got) > 1.15*float64(exact) {
			t.Errorf("%s: %v, %v; exactly it is %v", name, got, ok, exact)
		}
		if _, known := l.p95(4); known {
			t.Error("a class without samples has a percentile")
		}
	}
}

// TestP95Forgets: a service that has become slower or quicker is known as that
// within some thousand answers.
func TestP95Forgets(t *testing.T) {
	l := newLatencies()
	for range 10_000 {
		l.observe(0, time.Millisecond)
	}
	if d, _ := l.p95(0); d < 900*time.Microsecond || d > 1200*time.Microsecond {
		t.Errorf("p95 %v, want about 1ms", d)
	}
	for range 200 {
		l.observe(0, time.Second)
	}
	if d, _ := l.p95(0); d < 900*time.Millisecond {
		t.Errorf("p95 %v, want about 1s", d)
	}
	for range 10_000 {
		l.observe(0, time.Millisecond)
	}
	if d, _ := l.p95(0); d > 2*time.Millisecond {
		t.Errorf("p95 %v, want about 1ms again", d)
	}
}

func TestP95NeedsSamples(t *testing.T) {
	l := newLatencies()
	for i := range latencyFew {
		if _, ok := l.p95(0); ok {
			t.Fatalf("a percentile of %d samples", i)
		}
		l.observe(0, time.Hour) // beyond the last bucket
	}
	if d, ok := l.p95(0); !ok || d < 4*time.Minute {
		t.Errorf("%v, %v", d, ok)
	}
}
