package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/levee-proxy/levee/limiter/budget"
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
		l := NewClasses()
		var all []time.Duration
		for range most - 1 {
			d := draw()
			all = append(all, d)
			l.Observe(3, d)
		}
		slices.Sort(all)
		exact := all[len(all)*95/100]
		got, ok := l.P95(3)
		if !ok || float64(got) < 0.9*float64(exact) || float64(got) > 1.15*float64(exact) {
			t.Errorf("%s: %v, %v; exactly it is %v", name, got, ok, exact)
		}
		if _, known := l.P95(4); known {
			t.Error("a class without samples has a percentile")
		}
	}
}

// TestP95Forgets: a service that has become slower or quicker is known as that
// within some thousand answers.
func TestP95Forgets(t *testing.T) {
	l := NewClasses()
	for range 10_000 {
		l.Observe(0, time.Millisecond)
	}
	if d, _ := l.P95(0); d < 900*time.Microsecond || d > 1200*time.Microsecond {
		t.Errorf("p95 %v, want about 1ms", d)
	}
	for range 200 {
		l.Observe(0, time.Second)
	}
	if d, _ := l.P95(0); d < 900*time.Millisecond {
		t.Errorf("p95 %v, want about 1s", d)
	}
	for range 10_000 {
		l.Observe(0, time.Millisecond)
	}
	if d, _ := l.P95(0); d > 2*time.Millisecond {
		t.Errorf("p95 %v, want about 1ms again", d)
	}
}

func TestP95NeedsSamples(t *testing.T) {
	l := NewClasses()
	for i := range few {
		if _, ok := l.P95(0); ok {
			t.Fatalf("a percentile of %d samples", i)
		}
		l.Observe(0, time.Hour) // beyond the last bucket
	}
	if d, ok := l.P95(0); !ok || d < 4*time.Minute {
		t.Errorf("%v, %v", d, ok)
	}
}

// TestHedgesDontLowerP95 plays requests that are hedged by the estimate, within
// a budget: it stays that of the first attempts. An endpoint that never answers
// doesn't raise it without end.
func TestHedgesDontLowerP95(t *testing.T) {
	const ms = float64(time.Millisecond)
	rng := rand.New(rand.NewPCG(7, 7))
	exponential := func() time.Duration { return time.Duration(rng.ExpFloat64() * 20 * ms) }
	for name, c := range map[string]struct {
		draw        func() time.Duration
		least, most time.Duration
	}{
		"exponential": {exponential, 54 * time.Millisecond, 70 * time.Millisecond}, // exactly 60 ms
		"long tail": { // exactly 33 ms
			func() time.Duration { return time.Duration(10 * ms * math.Pow(1-rng.Float64(), -1/2.5)) }, 30 * time.Millisecond, 39 * time.Millisecond,
		},
		"every tenth is lost": {
			func() time.Duration {
				if rng.IntN(10) == 0 {
					return time.Hour
				}
				return exponential()
			}, 50 * time.Millisecond, time.Second,
		},
	} {
		l, now := NewClasses(), time.Unix(0, 0)
		b := budget.New(budget.Config{Percent: 10, MinPerSecond: 1})
		var sum time.Duration
		var n int
		for i := range 60_000 {
			now = now.Add(time.Millisecond)
			first := c.draw()
			after, known := l.P95(0)
			if i >= 20_000 {
				sum, n = sum+after, n+1
			}
			if known && first > after && b.Reserve(now) {
				if hedge := c.draw(); hedge < time.Hour && after+hedge < first {
					l.Outlived(0, after+hedge)
					first = time.Hour // nobody waits for it
				}
			}
			if first < time.Hour {
				l.Observe(0, first)
			}
			b.Success(now)
		}
		if mean := sum / time.Duration(n); mean < c.least || mean > c.most {
			t.Errorf("%s: the 95th percentile is believed to be %v, want %v to %v", name, mean, c.least, c.most)
		}
	}
}
