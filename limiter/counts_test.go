package limiter

import (
	"slices"
	"testing"
	"time"
)

// TestRecent: what happened in the last ten seconds is told apart from what
// happened since the start, and is forgotten when nothing happens any more.
func TestRecent(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	l := New(Config{Fixed: 1, Queue: -1}, start)
	if r := l.Status(start).Recent; r.Admitted != 0 || r.Sheds != nil || r.Shedding != 0 || r.Over != time.Second {
		t.Fatalf("before anything: %+v", r)
	}
	// Four refusals a second for 30 s, half of them retries, and one permit.
	now := start
	for s := range 30 {
		now = start.Add(time.Duration(s)*time.Second + time.Millisecond)
		w := &Waiter{Priority: Default}
		l.Acquire(now, w)
		for i := range 4 {
			now = now.Add(100 * time.Millisecond)
			l.Acquire(now, &Waiter{Priority: Background, Attempt: 1 + i%2})
		}
		l.End(now, w, []Outcome{Success, Dropped, Ignored, Late, Unused}[s%5])
		now = now.Add(500 * time.Millisecond)
		l.Tick(now) // what was abandoned is over
	}
	now = now.Add(-500 * time.Millisecond)
	s := l.Status(now)
	if s.Admitted != 30 || len(s.Sheds) != 1 || s.Sheds[0] != (ShedCount{Background, "queue_full", 120, 60}) {
		t.Errorf("since the start: %d, %+v", s.Admitted, s.Sheds)
	}
	if r := s.Recent; r.Over != 10*time.Second || r.Admitted != 10 || r.Answered != 6 || len(r.Sheds) != 1 || r.Sheds[0] != (ShedCount{Background, "queue_full", 40, 20}) {
		t.Errorf("lately: %+v", r)
	}
	if got, want := s.Recent.Shedding.Round(time.Second), 29*time.Second; got != want {
		t.Errorf("shedding for %v, want %v", got, want)
	}
	now = now.Add(5 * time.Second)
	if r := l.Status(now).Recent; len(r.Sheds) != 1 || r.Sheds[0].Count != 20 {
		t.Errorf("5 s after: %+v", r)
	}
	now = now.Add(time.Minute)
	if s := l.Status(now); s.Recent.Admitted != 0 || s.Recent.Sheds != nil || s.Recent.Shedding != 0 || s.Sheds[0].Count != 120 {
		t.Errorf("after a minute: %+v", s)
	}
	// A new stretch begins with the first refusal after the pause.
	w := &Waiter{Priority: Default}
	l.Acquire(now, w)
	l.Acquire(now, &Waiter{Priority: 1})
	if r := l.Status(now.Add(2 * time.Second)).Recent; r.Shedding != 2*time.Second || r.Sheds[0].Count != 1 {
		t.Errorf("a new stretch: %+v", r)
	}
	l.End(now, w, Success)
}

// TestWaits: every way out of the queue counts as a wait, and nobody who
// didn't wait does.
func TestWaits(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	l := New(Config{Fixed: 1, Queue: 10}, now)
	holder := &Waiter{Priority: Default}
	if l.Acquire(now, holder) != Admitted || l.Status(now).Waits.Count != 0 {
		t.Fatal("who didn't wait was counted")
	}
	notify := func(*Waiter, Verdict) {}
	waiters := [3]*Waiter{}
	for i := range waiters {
		waiters[i] = &Waiter{Priority: Default, Notify: notify}
		if l.Acquire(now, waiters[i]) != Queued {
			t.Fatal("not queued")
		}
	}
	now = now.Add(3 * time.Millisecond)
	l.Cancel(now, waiters[2]) // its client left
	now = now.Add(4 * time.Millisecond)
	l.End(now, holder, Success) // the first is admitted
	now = now.Add(time.Second)
	l.Tick(now) // the second has waited for too long
	s := l.Status(now)
	want := Waits{Count: 3, Sum: (3 + 7 + 1007) * time.Millisecond}
	for _, d := range []time.Duration{3, 7, 1007} {
		i, _ := slices.BinarySearch(WaitBounds[:], d*time.Millisecond)
		want.Buckets[i]++
	}
	if s.Waits != want || s.Cancelled != 1 || s.Queued != 0 {
		t.Errorf("got %+v, %d cancelled; want %+v", s.Waits, s.Cancelled, want)
	}
}

// TestTooLateCountsAsShed: whose deadline passes in the queue, or between the
// permit and the sending, was refused for that; who leaves before, was not.
func TestTooLateCountsAsShed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	l := New(Config{Fixed: 1, Queue: 10}, now)
	notify := func(*Waiter, Verdict) {}
	holder := &Waiter{Priority: Default, Deadline: now.Add(20 * time.Millisecond)}
	late := &Waiter{Priority: Default, Attempt: 2, Deadline: now.Add(10 * time.Millisecond), Notify: notify}
	early := &Waiter{Priority: Default, Deadline: now.Add(10 * time.Millisecond), Notify: notify}
	if l.Acquire(now, holder) != Admitted || l.Acquire(now, late) != Queued || l.Acquire(now, early) != Queued {
		t.Fatal("not as the test needs it")
	}
	l.Cancel(now.Add(9*time.Millisecond), early)
	l.Cancel(now.Add(10*time.Millisecond), late)
	l.End(now.Add(20*time.Millisecond), holder, Unused)
	s := l.Status(now.Add(20 * time.Millisecond))
	if s.Cancelled != 1 || late.Reason != Deadline || len(s.Sheds) != 1 || s.Sheds[0] != (ShedCount{Default, "deadline", 2, 1}) {
		t.Errorf("%d cancelled, %+v", s.Cancelled, s.Sheds)
	}
}

// TestMovesAreCounted: by rule, with what the limit was before.
func TestMovesAreCounted(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	l := New(Config{}, now)
	if s := l.Status(now); s.Rule != "" || s.Moves != nil {
		t.Fatalf("nothing has moved yet: %+v", s)
	}
	// The service is down: every attempt fails.
	for range 200 {
		w := &Waiter{Priority: Default}
		if l.Acquire(now, w) == Admitted {
			now = now.Add(5 * time.Millisecond)
			l.End(now, w, Dropped)
		}
	}
	s := l.Status(now)
	if s.Rule != "drop" || s.Moves["drop"] == 0 || s.From < s.Limit || s.Why == "" {
		t.Errorf("%+v", s)
	}
}

// TestRefused: what was refused outside is counted like the limiter's own
// sheds, and takes nothing from the limit.
func TestRefused(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	l := New(Config{Fixed: 1, Queue: -1}, now)
	for range 3 {
		w := &Waiter{Priority: Default, Attempt: 2}
		l.Refused(now, w, RetryBudget)
		if w.Reason != RetryBudget {
			t.Fatalf("reason %v", w.Reason)
		}
	}
	s := l.Status(now)
	if len(s.Sheds) != 1 || s.Sheds[0] != (ShedCount{Default, "retry_budget", 3, 3}) || s.Recent.Sheds[0].Count != 3 {
		t.Errorf("counted %+v, lately %+v", s.Sheds, s.Recent.Sheds)
	}
	if s.Inflight != 0 || s.Admitted != 0 || l.Acquire(now, &Waiter{}) != Admitted {
		t.Errorf("a refusal took room: %+v", s)
	}
}
