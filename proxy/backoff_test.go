package proxy

import (
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// TestBackoff draws many pauses: each is below its ceiling, all of the range is
// used, and the ceilings double up to the highest.
func TestBackoff(t *testing.T) {
	ceilings := []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond}
	const draws = 2000
	var sum, most [5]time.Duration
	for range draws {
		b := newBackoff(20*time.Millisecond, 100*time.Millisecond)
		for i := range ceilings {
			d := b.NextBackOff()
			if d < 0 || d > ceilings[i]+time.Nanosecond {
				t.Fatalf("pause %d is %v, want at most %v", i+1, d, ceilings[i])
			}
			sum[i] += d
			most[i] = max(most[i], d)
		}
	}
	for i, ceiling := range ceilings {
		if mean := sum[i] / draws; mean < ceiling*45/100 || mean > ceiling*55/100 || most[i] < ceiling*95/100 {
			t.Errorf("pause %d is %v in the mean and %v at most, want half of %v and nearly all of it", i+1, mean, most[i], ceiling)
		}
	}
}

func TestPauseFor(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name   string
		jitter time.Duration
		says   signals.Advice
		left   time.Duration // below 0: no deadline
		want   time.Duration
		ok     bool
	}{
		{"our own", 20 * ms, signals.Advice{}, -1, 20 * ms, true},
		{"our own, cut to the deadline", 200 * ms, signals.Advice{}, 100 * ms, 50 * ms, true},
		{"no time", 0, signals.Advice{}, 0, 0, false},
		{"what was asked, and jitter", 20 * ms, signals.Advice{After: time.Second, Waits: true}, -1, 1020 * ms, true},
		{"what was asked, jitter cut", 500 * ms, signals.Advice{After: time.Second, Waits: true}, 1200 * ms, 1100 * ms, true},
		{"exactly what was asked", 20 * ms, signals.Advice{After: time.Second, Waits: true, Exactly: true}, -1, time.Second, true},
		{"at once", 20 * ms, signals.Advice{Waits: true, Exactly: true}, -1, 0, true},
		{"no time for it", 20 * ms, signals.Advice{After: time.Second, Waits: true}, time.Second, 0, false},
		{"too long without a deadline", 0, signals.Advice{After: 11 * time.Second, Waits: true}, -1, 0, false},
		{"as long as one waits without a deadline", 0, signals.Advice{After: 10 * time.Second, Waits: true}, -1, 10 * time.Second, true},
		{"too long, and the deadline is later", 0, signals.Advice{After: time.Minute, Waits: true}, 2 * time.Minute, 0, false},
		{"as long as one waits, and the deadline is later", 0, signals.Advice{After: 10 * time.Second, Waits: true}, 2 * time.Minute, 10 * time.Second, true},
	} {
		if got, ok := pauseFor(test.jitter, test.says, test.left, test.left >= 0); got != test.want || ok != test.ok {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}
