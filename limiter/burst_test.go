package limiter

import (
	"testing"
	"time"
)

// bench plays requests to a limiter whose limit has been found, and stays.
type bench struct {
	l        *Limiter
	now      time.Time
	inflight []*Waiter
	shed     []*Waiter
}

func newBench(limit float64, queue int) *bench {
	return &bench{l: New(Config{Min: limit, Max: limit, Initial: limit, Queue: queue}, t0), now: t0}
}

func (b *bench) take(w *Waiter, v Verdict) {
	switch v {
	case Admitted:
		b.inflight = append(b.inflight, w)
	case Shed:
		b.shed = append(b.shed, w)
	}
}

func (b *bench) arrive() *Waiter {
	b.l.ctl.tried = true
	w := &Waiter{Priority: Default, Notify: b.take}
	b.take(w, b.l.Acquire(b.now, w))
	return w
}

// pass lets time pass, in which the service answers so many.
func (b *bench) pass(d time.Duration, answers int) {
	b.now = b.now.Add(d)
	for range min(answers, len(b.inflight)) {
		w := b.inflight[0]
		b.inflight = b.inflight[1:]
		b.l.End(b.now, w, Success)
	}
	b.l.ctl.tried = true
	b.l.Tick(b.now)
}

// TestStallIsNoOverload: a service that stands still for 300 ms and then works
// off what has come meanwhile refuses nobody; one that does less than is asked
// of it does, within two seconds.
func TestStallIsNoOverload(t *testing.T) {
	const step = 10 * time.Millisecond
	for _, c := range []struct {
		name  string
		stall int // steps
		slow  int // steps for an answer afterwards
		sheds bool
	}{
		{"a stall", 30, 1, false},
		{"an overload", 0, 8, true},
	} {
		b := newBench(4, 0)
		for i := range 200 {
			if i%2 == 0 {
				b.arrive()
			}
			answers := 0
			if i >= c.stall && i%c.slow == 0 {
				answers = 1
			}
			b.pass(step, answers)
		}
		if sheds := len(b.shed) > 0; sheds != c.sheds {
			t.Errorf("%s: %d of 100 were shed", c.name, len(b.shed))
		}
	}
}

// TestOldGivesWay: in a full queue that has stood for too long, the oldest
// gives way to the newest; in one that hasn't, nobody does.
func TestOldGivesWay(t *testing.T) {
	b := newBench(1, 2)
	b.arrive()
	oldest := b.arrive()
	b.arrive()
	b.pass(50*time.Millisecond, 0)
	if w := b.arrive(); len(b.shed) != 1 || b.shed[0] != w {
		t.Fatalf("after 50 ms, %d were shed: want the one that found the queue full", len(b.shed))
	}
	b.pass(100*time.Millisecond, 0)
	b.arrive()
	if len(b.shed) != 2 || b.shed[1] != oldest || oldest.Reason != QueueFull {
		t.Errorf("after 150 ms, %d were shed: want the oldest, as the queue was full", len(b.shed)-1)
	}
}
