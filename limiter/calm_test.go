package limiter

import (
	"testing"
	"time"
)

// TestDrainedQueueIsCalm: a queue that stood and has drained stands no longer,
// also while a class is apart: who comes next waits in turn.
func TestDrainedQueueIsCalm(t *testing.T) {
	l := New(Config{Fixed: 1}, t0)
	g := &group{id: 1}
	g.ctl = newController(1, 1, 1)
	l.apart.groups[0], l.apart.n = g, 1
	holder := &Waiter{}
	l.Acquire(t0, holder)
	l.queue.standing = true
	l.End(t0.Add(time.Millisecond), holder, Success)
	if s := l.Status(t0.Add(time.Millisecond)); s.Standing {
		t.Error("an empty queue stands")
	}
}
