package storm

import (
	"testing"
	"time"
)

// TestRecall: which attempt an arrival is, by what happened before.
func TestRecall(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration
		r     Request
		want  int // attempt
		o     Outcome
	}
	id := Request{Print: 1, Exact: true}
	like := Request{Print: 2}
	both := func(id uint64) Request { return Request{Print: id, Exact: true, Also: 3} }
	says := func(n int, r Request) Request { r.Says = n; return r }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"the same id after a failure", []step{{0, id, 1, Failed}, {time.Second, id, 2, Shed}, {time.Second, id, 3, Abandoned}, {time.Second, id, 4, Useful}, {time.Second, id, 1, Useful}}},
		{"after success", []step{{0, id, 1, Useful}, {time.Second, id, 1, Useful}}},
		{"after nothing learned", []step{{0, id, 1, Neutral}, {time.Second, id, 1, Useful}}},
		{"one failure, two more", []step{{0, like, 1, Failed}, {time.Second, like, 2, Neutral}, {time.Second, like, 1, Neutral}}},
		{"much later, the same id", []step{{0, id, 1, Failed}, {50 * time.Second, id, 2, Failed}, {70 * time.Second, id, 1, Useful}}},
		{"much later, only alike", []step{{0, like, 1, Failed}, {9 * time.Second, like, 2, Failed}, {11 * time.Second, like, 1, Useful}}},
		{"alike again and again", []step{{0, like, 1, Failed}, {1, like, 2, Failed}, {1, like, 3, Failed}, {1, like, 4, Failed}, {1, like, 4, Failed}}},
		{"says so", []step{{0, says(3, Request{}), 3, Failed}}},
		{"says less than is known", []step{{0, says(1, id), 1, Failed}, {1, says(1, id), 2, Failed}, {1, says(2, id), 3, Failed}}},
		{"says more than is known", []step{{0, says(1, id), 1, Failed}, {1, says(5, id), 5, Failed}, {1, id, 6, Failed}}},
		{"a new id for each attempt", []step{{0, both(11), 1, Failed}, {time.Second, both(12), 2, Shed}, {time.Second, both(13), 3, Useful}, {time.Second, both(14), 1, Useful}}},
		{"its own id, and others alike", []step{{0, both(11), 1, Failed}, {time.Second, both(11), 2, Neutral}, {time.Second, both(12), 1, Neutral}}},
	} {
		now := time.Unix(1_000_000, 0)
		d := New(Config{}, now)
		for i, s := range c.steps {
			now = now.Add(s.after)
			r := s.r
			d.Arrive(now, &r)
			if r.Attempt != s.want {
				t.Errorf("%s, step %d: attempt %d, want %d", c.name, i, r.Attempt, s.want)
			}
			d.End(now, &r, s.o)
		}
	}
}

// TestPollerThatFails: each poll fails, and none is a retry; what comes between
// two of them is.
func TestPollerThatFails(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	poll := func(o Outcome) int {
		r := Request{Print: 9, Client: 1}
		d.Arrive(now, &r)
		d.End(now, &r, o)
		return r.Attempt
	}
	for range 10 {
		now = now.Add(5 * time.Second)
		poll(Useful)
	}
	for i := range 10 {
		now = now.Add(5 * time.Second)
		if n := poll(Failed); n != 1 {
			t.Errorf("poll %d is attempt %d", i, n)
		}
	}
	for i := range 10 {
		now = now.Add(time.Second)
		if n := poll(Failed); n != 2 {
			t.Errorf("the retry of poll %d is attempt %d", i, n)
		}
		now = now.Add(4 * time.Second)
		if n := poll(Failed); n != 1 {
			t.Errorf("poll %d is attempt %d", i, n)
		}
	}
}

// TestMemoryIsFull: the failures that are longest ago are forgotten.
func TestMemoryIsFull(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	const holds = (memoryShards << memoryMost) * memoryWays
	const n = 4 * holds
	for i := range uint64(n) {
		now = now.Add(time.Millisecond / 10)
		r := Request{Print: mix(i), Exact: true}
		d.Arrive(now, &r)
		d.End(now, &r, Shed)
	}
	known := [4]int{}
	for i := range uint64(n) {
		r := Request{Print: mix(i), Exact: true}
		d.Arrive(now, &r)
		if r.Attempt == 2 {
			known[i*4/n]++
		}
	}
	if known[0] > 20 || known[3] < holds*7/10 {
		t.Errorf("known by age, the oldest first: %v", known)
	}
}

// TestMemoryForgetsLittle: as long as there are far fewer failures than there is
// room, hardly one gives way to another.
func TestMemoryForgetsLittle(t *testing.T) {
	t.Parallel()
	lost := 0
	for seed := range uint64(20) {
		now := time.Unix(1_000_000, 0)
		d := New(Config{}, now)
		const n = 1400
		for range 2 {
			for i := range uint64(n) {
				r := Request{Print: mix(seed<<32 | i), Exact: true}
				d.Arrive(now, &r)
				d.End(now, &r, Failed)
			}
		}
		for i := range uint64(n) {
			r := Request{Print: mix(seed<<32 | i), Exact: true}
			if d.Arrive(now, &r); r.Attempt != 3 {
				lost++
			}
		}
	}
	if lost > 8 {
		t.Errorf("of 28,000 failures %d are forgotten", lost)
	}
}

// TestRelief: once first attempts of a priority aren't shed any more, retries of
// it are let in step by step, though those of background work still are bounded.
func TestRelief(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	const calmFrom, steps = 5, 40 // s; quarters of one
	var admitted [steps]int
	for i := range steps * 250 {
		now := start.Add(time.Duration(i) * time.Millisecond)
		ask := func(priority uint8, o Outcome) {
			r := Request{Priority: priority}
			d.Arrive(now, &r)
			d.End(now, &r, o)
		}
		if i < calmFrom*1000 && i%2 == 0 {
			ask(4, Shed)
		} else if i%2 == 0 {
			ask(4, Useful)
		} else if i%4 == 1 {
			ask(7, Shed)
		} else {
			ask(4, Useful)
		}
		r := Request{Priority: 4, Says: 4}
		d.Arrive(now, &r)
		if d.Admit(now, &r) {
			admitted[i/250]++
		}
		d.End(now, &r, Neutral)
	}
	most := 0
	for i, n := range admitted[calmFrom*4:] {
		if n > max(20, 5*most) {
			t.Errorf("%d of 250 retries are let in in quarter %d after the last was shed, before it %d at most: %v", n, i, most, admitted)
			break
		}
		most = max(most, n)
	}
	if last := admitted[steps-1]; last < 250 {
		t.Errorf("in the end %d of 250 are let in", last)
	}
}

// TestPriorities: that background work is shed bounds its own retries, and
// nobody else's.
func TestPriorities(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	refused := map[uint8]int{}
	for i := range 5000 {
		now := start.Add(time.Duration(i) * time.Millisecond)
		for priority, o := range map[uint8]Outcome{4: Useful, 7: Shed} {
			r := Request{Priority: priority}
			d.Arrive(now, &r)
			d.End(now, &r, o)
			r = Request{Priority: priority, Says: 4}
			d.Arrive(now, &r)
			if !d.Admit(now, &r) {
				refused[priority]++
			}
			d.End(now, &r, Neutral)
		}
	}
	if d.State() != Storm || refused[4] > 0 || refused[7] < 3000 {
		t.Errorf("%v, refused by priority: %v", d.State(), refused)
	}
}
