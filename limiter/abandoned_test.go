package limiter

import (
	"testing"
	"time"
)

// TestAbandoned: the room of a request that nobody waits for any more is free
// once a later one is answered, or as much time again has passed, and not before.
func TestAbandoned(t *testing.T) {
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	for _, test := range []struct {
		name string
		then func(l *Limiter, later *Waiter)
		look int // when, in ms
		want int // how many take room then
	}{
		{"at once", func(*Limiter, *Waiter) {}, 100, 2},
		{"a later one is answered", func(l *Limiter, later *Waiter) { l.End(at(120), later, Success) }, 120, 0},
		{"a later one leaves too", func(l *Limiter, later *Waiter) { l.End(at(120), later, Late) }, 199, 2},
		{"shortly before its time", func(l *Limiter, _ *Waiter) { l.Tick(at(199)) }, 199, 2},
		{"its time is over", func(l *Limiter, _ *Waiter) { l.Tick(at(200)) }, 200, 1},
		{"its time is over, and nothing happens", func(*Limiter, *Waiter) {}, 200, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := New(Config{Fixed: 2}, t0)
			gone, later := &Waiter{}, &Waiter{}
			l.Acquire(at(0), gone)
			l.Acquire(at(10), later)
			l.End(at(100), gone, Late)
			if s := l.Status(at(100)); s.Inflight != 1 || s.Abandoned != 1 || l.Free(at(100)) != 0 {
				t.Fatalf("inflight %d, abandoned %d, free %d", s.Inflight, s.Abandoned, l.Free(at(100)))
			}
			test.then(l, later)
			if free := l.Free(at(test.look)); free != 2-test.want {
				t.Errorf("%d are free, want %d", free, 2-test.want)
			}
			if s := l.Status(at(test.look)); s.Inflight+s.Abandoned != test.want {
				t.Errorf("inflight %d, abandoned %d, want %d in all", s.Inflight, s.Abandoned, test.want)
			}
		})
	}
}

// TestAbandonedRing: the ring grows and wraps without losing anyone or the order.
func TestAbandonedRing(t *testing.T) {
	a := abandoned{}
	pushed, done := 0, 0
	for round := range 100 {
		for range round%7 + 1 {
			a.push(int64(pushed)+1, &Waiter{since: int64(pushed)}, 0)
			pushed++
		}
		for range round % 5 {
			g, _, ok := a.done(0, int64(pushed)+1)
			if !ok {
				break
			}
			if g.since != int64(done) {
				t.Fatalf("number %d came out as number %d", g.since, done)
			}
			done++
		}
	}
	if a.n != pushed-done {
		t.Errorf("%d are held, want %d", a.n, pushed-done)
	}
}
