package limiter

import (
	"testing"
	"time"
)

// TestTry takes a permit where there is one, and leaves no trace where there isn't.
func TestTry(t *testing.T) {
	now := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	l := New(Config{Fixed: 1}, now)
	var first, second, waits Waiter
	if !l.Try(now, &first) {
		t.Fatal("nothing is inflight, and it isn't admitted")
	}
	if l.Try(now, &second) {
		t.Fatal("one more than the limit was admitted")
	}
	waits.Notify = func(*Waiter, Verdict) {}
	if v := l.Acquire(now, &waits); v != Queued {
		t.Fatalf("verdict %v, want Queued", v)
	}
	l.End(now, &first, Success) // the one that waits gets the permit
	if l.Try(now, &second) {
		t.Error("admitted beyond the limit")
	}
	l.End(now, &waits, Success)
	late := Waiter{Deadline: now.Add(-time.Second)}
	if !l.Try(now, &second) {
		t.Error("not admitted though all is free")
	}
	l.End(now, &second, Unused)
	if l.Try(now.Add(time.Millisecond), &late) {
		t.Error("admitted after its deadline")
	}
	s := l.Status(now)
	if s.Inflight != 0 || s.Queued != 0 || len(s.Sheds) != 0 || s.Admitted != 3 {
		t.Errorf("%d inflight, %d queued, %v shed, %d admitted", s.Inflight, s.Queued, s.Sheds, s.Admitted)
	}
}
