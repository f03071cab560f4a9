package cache

import (
	"testing"
	"time"
)

func TestRestored(t *testing.T) {
	start := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name          string
		initial, age  time.Duration
		after         time.Duration // until it is looked at
		wantAge, left time.Duration
	}{
		{"as old as it was", 0, time.Minute, 0, time.Minute, 9 * time.Minute},
		{"ages go on", 0, time.Minute, time.Second, 61 * time.Second, 9*time.Minute - time.Second},
		{"it came with an age", 30 * time.Second, time.Minute, 0, time.Minute, 9 * time.Minute},
		{"never younger than when it came", time.Minute, 0, 0, time.Minute, 9 * time.Minute},
		{"below zero is none", 0, -time.Hour, 0, 0, 10 * time.Minute},
		{"an age beyond all bounds", 0, 1<<63 - 1, time.Second, longest, 10*time.Minute - longest},
		{"a clock that goes back later", 0, time.Minute, -time.Hour, 0, 10 * time.Minute},
	} {
		p := Policy{received: start.Add(-1000 * time.Hour), initialAge: c.initial, lifetime: 10 * time.Minute}
		p = p.Restored(c.age, start)
		at := start.Add(c.after)
		if p.Age(at) != c.wantAge || p.FreshFor(at) != c.left {
			t.Errorf("%s: age %v, fresh for %v; want %v, %v", c.name, p.Age(at), p.FreshFor(at), c.wantAge, c.left)
		}
	}
}

// TestStaleSince: the windows of what was purged softly count from the purge,
// with the policy changed as with the purge told.
func TestStaleSince(t *testing.T) {
	start := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	for _, purged := range []time.Duration{0, time.Second, 10 * time.Minute, time.Hour} {
		p := Policy{received: start, initialAge: 5 * time.Second, lifetime: 10 * time.Minute}
		q := p.StaleSince(start.Add(purged))
		for _, now := range []time.Duration{purged, purged + time.Second, purged + time.Hour} {
			at := start.Add(now)
			if want := p.ttl(Moment{Now: at, StaleSince: start.Add(purged)}); q.FreshFor(at) != want {
				t.Errorf("purged after %v, looked at after %v: fresh for %v, want %v", purged, now, q.FreshFor(at), want)
			}
		}
	}
}
