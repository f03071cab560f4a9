package limiter

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestRefuseIsAcquire asks both of many requests in random order: Refuse sheds
// exactly those that Acquire would shed, for the same reason, and leaves no
// trace of the others.
func TestRefuseIsAcquire(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(0, 0)
	l := New(Config{Fixed: 3, Queue: 4, QueueBytes: 300}, now)
	var held []*Waiter
	notify := func(w *Waiter, v Verdict) {
		if v == Admitted {
			held = append(held, w)
		}
	}
	var shed [reasons]int
	for range 20000 {
		now = now.Add(time.Duration(random.IntN(int(10 * time.Millisecond))))
		if len(held) > 0 && random.IntN(2) == 0 {
			w := held[0]
			held = held[1:]
			l.End(now, w, Success)
			continue
		}
		w := &Waiter{
			Class: random.IntN(3), Priority: Priority(random.IntN(8)), Attempt: 1 + random.IntN(2), Client: uint64(random.IntN(3)),
			Size: random.IntN(150), Notify: notify,
		}
		if random.IntN(3) == 0 {
			w.Deadline = now.Add(time.Duration(random.IntN(50)-5) * time.Millisecond)
		}
		before := l.Status(now)
		asked := *w
		refused := l.Refuse(now, &asked)
		if s := l.Status(now); s.Inflight != before.Inflight || s.Queued != before.Queued || s.Admitted != before.Admitted {
			t.Fatalf("%+v became %+v", before, s)
		}
		v := l.Acquire(now, w)
		if refused != (v == Shed) || refused && asked.Reason != w.Reason {
			t.Fatalf("Refuse: %v (%v), Acquire: %v (%v)", refused, asked.Reason, v, w.Reason)
		}
		if v == Admitted {
			held = append(held, w)
		}
		shed[w.Reason]++
	}
	for _, r := range []Reason{QueueFull, QueueBytes, Deadline, Unfair} {
		if shed[r] == 0 {
			t.Errorf("%v was never the reason", r)
		}
	}
}
