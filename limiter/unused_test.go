package limiter

import (
	"testing"
	"time"
)

// TestUnusedTeachesNothing ends a permit whose request was never sent: it is as
// if it had not been.
func TestUnusedTeachesNothing(t *testing.T) {
	start := time.Unix(0, 0)
	l := New(Config{}, start)
	now := start
	serve := func(n int) {
		for range n {
			w := &Waiter{}
			l.Acquire(now, w)
			now = now.Add(10 * time.Millisecond)
			l.End(now, w, Success)
		}
	}
	serve(100)
	before := l.State()
	for range 100 {
		w := &Waiter{}
		if v := l.Acquire(now, w); v != Admitted {
			t.Fatal(v)
		}
		l.End(now.Add(time.Microsecond), w, Unused)
	}
	if after := l.State(); after.Limit != before.Limit || after.Classes[0] != before.Classes[0] {
		t.Errorf("%v became %v", before, after)
	}
	if s := l.Status(now); s.Inflight != 0 {
		t.Errorf("%d inflight", s.Inflight)
	}
}

// TestLatencyApartFromThePermit holds permits for a hundred times longer than
// the requests took.
func TestLatencyApartFromThePermit(t *testing.T) {
	now := time.Unix(0, 0)
	l := New(Config{}, now)
	for range 100 {
		w := &Waiter{}
		l.Acquire(now, w)
		w.Latency = 10 * time.Millisecond
		now = now.Add(time.Second)
		l.End(now, w, Success)
	}
	if got := l.Status(now).Baselines[0]; got < 9*time.Millisecond || got > 11*time.Millisecond {
		t.Errorf("the baseline is %v", got)
	}
}
