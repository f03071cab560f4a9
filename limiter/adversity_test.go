package limiter

import (
	"testing"
	"time"
)

// TestWrongBaselineHeals: a first answer that took far longer than clients can
// wait must not have all that follow refused for ever.
func TestWrongBaselineHeals(t *testing.T) {
	l, now := New(Config{}, t0), t0
	first := &Waiter{Priority: Default}
	l.Acquire(now, first)
	now = now.Add(3 * time.Second)
	l.End(now, first, Success)

	shed := 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		w := &Waiter{Priority: Default, Deadline: now.Add(time.Second)}
		if l.Acquire(now, w) == Shed {
			shed++
			continue
		}
		l.End(now.Add(5*time.Millisecond), w, Success)
	}
	if shed > 0 {
		t.Errorf("%d of 1000 were shed that a quick service could have answered", shed)
	}
}

// TestAllLeave: when all that are inflight leave after a long wait, the service
// gets its next request within a second, not when as long a time has passed again.
func TestAllLeave(t *testing.T) {
	l, now := New(Config{}, t0), t0
	var inflight []*Waiter
	for range int(defaultInitial) {
		w := &Waiter{Priority: Default}
		l.Acquire(now, w)
		inflight = append(inflight, w)
	}
	left := now.Add(30 * time.Second)
	for _, w := range inflight {
		l.End(left, w, Late)
	}
	if l.Free(left) != 0 {
		t.Error("what was abandoned was given out again at once")
	}
	if v := l.Acquire(left.Add(time.Second), &Waiter{Priority: Default}); v != Admitted {
		t.Errorf("a second later a request was told %d", v)
	}
}

// TestBurstAfterQuiet: a limit that came down with the load is no reason to
// refuse a burst that a healthy service can take.
func TestBurstAfterQuiet(t *testing.T) {
	const latency = 20 * time.Millisecond
	l, now := New(Config{}, t0), t0
	for range 2000 { // one at a time
		w := &Waiter{Priority: Default}
		l.Acquire(now, w)
		now = now.Add(latency)
		l.End(now, w, Success)
	}
	if limit := l.Status(now).Limit; limit > 10 {
		t.Fatalf("the limit is %.0f although the peak was 1", limit)
	}
	type answer struct {
		w  *Waiter
		at time.Time
	}
	var inflight []answer
	shed := 0
	take := func(w *Waiter, v Verdict) {
		switch v {
		case Admitted:
			inflight = append(inflight, answer{w, now.Add(latency)})
		case Shed:
			shed++
		}
	}
	for range 200 {
		w := &Waiter{Priority: Default, Notify: take}
		take(w, l.Acquire(now, w))
	}
	for len(inflight) > 0 {
		next := inflight[0]
		inflight = inflight[1:]
		now = next.at
		l.End(now, next.w, Success)
		l.Tick(now)
	}
	if s := l.Status(now); shed > 0 || s.Queued > 0 {
		t.Errorf("of a burst of 200, %d were shed and %d still wait", shed, s.Queued)
	}
}
