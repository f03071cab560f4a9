package limiter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// classes drives a limiter through virtual time, a millisecond a step: each
// class asks every few milliseconds, and is answered after its latency.
type classes struct {
	l       *Limiter
	now     time.Time
	random  *rand.Rand
	running []due
	waited  [MaxClasses]time.Duration // the longest, in this phase
	shed    [MaxClasses]int           // in this phase
	served  [MaxClasses]int           // in this phase
	latency [MaxClasses]time.Duration // now; 0: never
	every   [MaxClasses]int           // ms between two requests; 0: none come
	most    int                       // classes apart at once
}

type due struct {
	at time.Time
	w  *Waiter
}

func newClasses(cfg Config) *classes {
	return &classes{l: New(cfg, t0), now: t0, random: rand.New(rand.NewPCG(1, 2))}
}

// all sets the latency and the rate of the first n classes.
func (c *classes) all(n int, latency time.Duration, every int) {
	for i := range n {
		c.latency[i], c.every[i] = latency, every
	}
}

func (c *classes) start(w *Waiter) {
	at := c.now.Add(time.Hour)
	if latency := c.latency[w.Class]; latency > 0 {
		at = c.now.Add(time.Duration(float64(latency) * (0.8 + 0.4*c.random.Float64())))
	}
	c.running = append(c.running, due{at, w})
}

// run lets time pass, from a clean sheet.
func (c *classes) run(d time.Duration) {
	c.waited, c.shed, c.served = [MaxClasses]time.Duration{}, [MaxClasses]int{}, [MaxClasses]int{}
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(time.Millisecond) {
		ended := slices.Clone(c.running)
		c.running = c.running[:0]
		for _, x := range ended {
			if x.at.After(c.now) {
				c.running = append(c.running, x)
			}
		}
		for _, x := range ended {
			if !x.at.After(c.now) {
				c.served[x.w.Class]++
				c.l.End(c.now, x.w, Success)
			}
		}
		for class, every := range c.every {
			if every == 0 || c.random.IntN(every) > 0 {
				continue
			}
			came := c.now
			w := &Waiter{Class: class, Priority: Default}
			w.Notify = func(w *Waiter, v Verdict) {
				c.waited[class] = max(c.waited[class], c.now.Sub(came))
				if v == Shed {
					c.shed[class]++
					return
				}
				c.start(w)
			}
			if v := c.l.Acquire(c.now, w); v != Queued {
				w.Notify(w, v)
			}
		}
		c.l.Tick(c.now)
		c.most = max(c.most, len(c.apart()))
	}
}

// recover answers those that hang.
func (c *classes) recover(latency time.Duration) {
	for i := range c.latency {
		c.latency[i] = latency
	}
	for i := range c.running {
		c.running[i].at = minTime(c.running[i].at, c.now.Add(latency))
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *classes) apart() (which []int) {
	for _, a := range c.l.Status(c.now).Apart {
		which = append(which, a.Class)
	}
	slices.Sort(which)
	return which
}

// TestOneClassSlow: while one class is slow alone, the others go on as if
// nothing were; afterwards it is one of them again.
func TestOneClassSlow(t *testing.T) {
	t.Parallel()
	const usual = 20 * time.Millisecond
	for _, tc := range []struct {
		name   string
		n      int           // classes
		slow   []int         // which of them become slow
		to     time.Duration // their latency; 0: no answer
		off    []string
		apart  []int
		shedOf bool // the others are shed
	}{
		{name: "tenfold", n: 2, slow: []int{1}, to: 10 * usual, apart: []int{1}},
		{name: "a hundredfold", n: 2, slow: []int{1}, to: 100 * usual, apart: []int{1}},
		{name: "no answer", n: 2, slow: []int{1}, apart: []int{1}},
		{name: "two of four", n: 4, slow: []int{1, 3}, to: 100 * usual, apart: []int{1, 3}},
		{name: "slower, but tolerably", n: 2, slow: []int{1}, to: usual * 3 / 2},
		{name: "all", n: 3, slow: []int{0, 1, 2}, to: 10 * usual},
		{name: "the only one", n: 1, slow: []int{0}, to: 10 * usual},
		{name: "switched off", n: 2, slow: []int{1}, off: []string{"apart"}, shedOf: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClasses(Config{Off: tc.off})
			c.all(tc.n, usual, 5*tc.n/2) // 8 to 10 inflight
			c.run(10 * time.Second)
			if s := c.l.Status(c.now); len(s.Sheds) > 0 || len(s.Apart) > 0 {
				t.Fatalf("before anything happened: %+v", s)
			}
			for _, class := range tc.slow {
				c.latency[class] = tc.to
			}
			c.run(time.Second) // it takes some samples to be sure
			c.run(5 * time.Second)
			if got := c.apart(); !slices.Equal(got, tc.apart) {
				t.Errorf("apart are %v, want %v: %+v", got, tc.apart, c.l.Status(c.now))
			}
			for class := range tc.n {
				if slices.Contains(tc.slow, class) {
					continue
				}
				if tc.shedOf != (c.shed[class] > 0) {
					t.Errorf("%d of class %d were shed, %d served", c.shed[class], class, c.served[class])
				}
				if !tc.shedOf && c.waited[class] > usual {
					t.Errorf("one of class %d waited %v", class, c.waited[class])
				}
			}
			c.recover(usual)
			c.run(15 * time.Second)
			if got := c.apart(); len(got) > 0 {
				t.Errorf("still apart are %v: %+v", got, c.l.Status(c.now))
			}
			c.run(5 * time.Second)
			for class := range tc.n {
				if c.shed[class] > 0 {
					t.Errorf("%d of class %d were shed after all was well again", c.shed[class], class)
				}
			}
			c.every = [MaxClasses]int{}
			c.run(time.Second)
			if s := c.l.Status(c.now); s.Inflight != 0 || s.Queued != 0 {
				t.Errorf("left over: %+v", s)
			}
		})
	}
}

// TestApartIsBounded: however many classes hang, few are apart, and all come back.
func TestApartIsBounded(t *testing.T) {
	t.Parallel()
	c := newClasses(Config{})
	c.all(20, 20*time.Millisecond, 20)
	c.run(10 * time.Second)
	for class := 1; class < 10; class++ {
		c.latency[class] = 2 * time.Second
	}
	c.run(10 * time.Second)
	if c.most == 0 || c.most > mostApart {
		t.Errorf("%d classes were apart at once", c.most)
	}
	c.recover(20 * time.Millisecond)
	c.run(20 * time.Second)
	if got := c.apart(); len(got) > 0 {
		t.Errorf("still apart are %v", got)
	}
}

// TestApartUnused: a class that nobody asks for any more is joined.
func TestApartUnused(t *testing.T) {
	t.Parallel()
	c := newClasses(Config{})
	c.all(2, 20*time.Millisecond, 5)
	c.run(10 * time.Second)
	c.latency[1] = time.Second
	c.run(5 * time.Second)
	if got := c.apart(); len(got) != 1 {
		t.Fatalf("apart are %v", got)
	}
	c.every[1] = 0
	c.run(50 * time.Second)
	if got := c.apart(); len(got) != 1 {
		t.Errorf("apart are %v, too early", got)
	}
	c.run(15 * time.Second)
	if got := c.apart(); len(got) != 0 {
		t.Errorf("apart are %v", got)
	}
}

// TestApartKeepsWhoWaits: those who wait when their class is taken apart or
// joined are served, in their order, and neither the queue's bounds nor the
// one end of a permit are lost.
func TestApartKeepsWhoWaits(t *testing.T) {
	l := New(Config{Initial: 4, Queue: 100}, t0)
	taught(l)
	var served []int
	var inflight []*Waiter
	ask := func(i, class int) {
		w := &Waiter{Class: class, Priority: Default, Size: 1}
		w.Notify = func(w *Waiter, v Verdict) {
			if v != Admitted {
				t.Fatalf("%d was shed: %v", i, w.Reason)
			}
			served = append(served, i)
			inflight = append(inflight, w)
		}
		if v := l.Acquire(t0.Add(time.Duration(i)), w); v == Admitted {
			w.Notify(w, v)
		}
	}
	for i := range 20 {
		ask(i, i%2)
	}
	l.part(20, 1, "for the test")
	if s := l.Status(t0); s.Inflight != 4 || s.Queued != 16 || s.Limit != 3 || len(s.Apart) != 1 || s.Apart[0].Inflight != 2 || s.Apart[0].Queued != 8 {
		t.Fatalf("apart: %+v", s)
	}
	for i := 20; i < 24; i++ {
		ask(i, i%2)
	}
	// One of the others was admitted meanwhile: they have 3, and one class's two had taken room before.
	l.join(24, l.of[1], "for the test")
	if s := l.Status(t0); s.Inflight != 5 || s.Queued != 19 || s.Limit != 4 || len(s.Apart) != 0 || l.queue.bytes != 19 {
		t.Fatalf("joined: %+v, %d bytes", s, l.queue.bytes)
	}
	l.part(24, 0, "for the test")
	for len(inflight) > 0 {
		w := inflight[0]
		inflight = inflight[1:]
		l.End(t0.Add(time.Microsecond), w, Success)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a second end wasn't caught")
				}
			}()
			l.End(t0.Add(time.Microsecond), w, Success)
		}()
	}
	for class := range 2 {
		var order []int
		for _, i := range served {
			if i%2 == class {
				order = append(order, i)
			}
		}
		if len(order) != 12 || !slices.IsSorted(order) {
			t.Errorf("class %d was served in the order %v", class, order)
		}
	}
	if s := l.Status(t0); s.Inflight != 0 || s.Queued != 0 || l.apart.class[0].held != 0 || l.apart.class[1].held != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// taught lets a limiter pass for one that has seen some traffic of two classes.
func taught(l *Limiter) {
	for class := range 2 {
		for range 10 {
			l.ctl.base.learn(class, 16) // 9 ms
		}
	}
	l.ctl.boot = false
	l.apart.enter(1)
	l.apart.leave(1)
}

// TestApartQueueBounds: all groups together hold no more than may wait.
func TestApartQueueBounds(t *testing.T) {
	for _, bound := range []int{-1, 1, 5, 8, 40} {
		l := New(Config{Initial: 1, Queue: bound, QueueBytes: 1000}, t0)
		taught(l)
		l.part(0, 1, "for the test")
		queued, bytes := 0, 0
		for i := range 200 {
			w := &Waiter{Class: i % 2, Size: 10 * (1 + i%7), Notify: func(*Waiter, Verdict) {}}
			l.Acquire(t0, w)
			queued = max(queued, l.queued())
			bytes = max(bytes, l.queue.bytes+l.of[1].queue.bytes)
		}
		if queued > max(bound, 0) || bytes > 1000 {
			t.Errorf("of %d that may wait, %d did, with %d bytes", bound, queued, bytes)
		}
		if bound >= apartShare && (l.queue.n == 0 || l.of[1].queue.n == 0) {
			t.Errorf("of %d that may wait, %d and %d do", bound, l.queue.n, l.of[1].queue.n)
		}
	}
}

// TestApartBounds: all limits together stay within the configured bounds, which
// are whole again when all have joined.
func TestApartBounds(t *testing.T) {
	for _, tc := range []struct{ least, most, limit float64 }{{1, 10_000, 16}, {1, 20, 20}, {10, 20, 15}, {8, 8, 8}, {2, 1000, 1000}} {
		l := New(Config{Min: tc.least, Max: tc.most, Initial: tc.limit}, t0)
		taught(l)
		for class := range mostApart {
			l.apart.enter(class)
			l.apart.leave(class)
			l.apart.class[class].usual = tc.limit
			l.part(0, class, "for the test")
			sum, most := l.ctl.limit, l.ctl.max
			for _, g := range l.apart.groups[:l.apart.n] {
				sum, most = sum+g.ctl.limit, most+g.ctl.max
			}
			if tc.least == 1 && (sum > tc.limit+1e-9 || most > tc.most+1e-9) {
				t.Errorf("%+v: after %d: %v, at most %v", tc, class+1, sum, most)
			}
			if l.room() < 1 || l.ctl.limit < tc.least {
				t.Errorf("%+v: %v is left to the others", tc, l.ctl.limit)
			}
		}
		if l.part(0, mostApart, "one too many"); l.apart.n != mostApart {
			t.Errorf("%d are apart", l.apart.n)
		}
		for l.apart.n > 0 {
			l.join(0, l.apart.groups[0], "for the test")
		}
		if l.ctl.limit > tc.limit+1e-9 || l.ctl.max != tc.most || l.ctl.min != tc.least {
			t.Errorf("%+v: in the end %v, %v to %v", tc, l.ctl.limit, l.ctl.min, l.ctl.max)
		}
	}
}

// TestApartConcurrent takes classes apart and joins them all the time, while
// requests of all kinds come and go: each hears one thing, and nothing is left over.
func TestApartConcurrent(t *testing.T) {
	l := New(Config{Initial: 7, Queue: 40}, t0)
	taught(l)
	stop := make(chan struct{})
	var turning, wg sync.WaitGroup
	turning.Go(func() {
		r := rand.New(rand.NewPCG(3, 4))
		for now := int64(0); ; now++ {
			select {
			case <-stop:
				return
			default:
			}
			class := r.IntN(6)
			l.mu.Lock()
			var out notices
			if g := l.of[class]; g.id != 0 {
				l.join(now, g, "for the test")
			} else if class < len(l.apart.class) {
				l.part(now, class, "for the test")
			}
			l.grantAll(now, &out)
			l.mu.Unlock()
			out.send()
		}
	})
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			heard := make(chan Verdict, 1)
			for range 2000 {
				w := &Waiter{
					Class: r.IntN(6), Priority: Priority(r.IntN(priorities)), Attempt: r.IntN(3), Client: r.Uint64N(5), Size: r.IntN(1000),
					Notify: func(_ *Waiter, v Verdict) { heard <- v },
				}
				now := t0.Add(time.Duration(r.IntN(1e9)))
				v := l.Acquire(now, w)
				if v == Queued {
					if r.IntN(4) == 0 && l.Cancel(now, w) {
						continue
					}
					v = hear(l, heard)
				}
				if v == Admitted {
					l.End(now.Add(time.Duration(r.IntN(1e7))), w, Outcome(1+r.IntN(5)))
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	turning.Wait()
	l.Tick(t0.Add(time.Hour))
	s := l.Status(t0.Add(time.Hour))
	if s.Inflight != 0 || s.Queued != 0 || s.Abandoned != 0 || l.fair.total != 0 {
		t.Errorf("left over: %+v", s)
	}
	for class, r := range l.apart.class {
		if r.held != 0 {
			t.Errorf("%d of class %d are left over", r.held, class)
		}
	}
}

// TestInsert puts a waiter to its place by when it came.
func TestInsert(t *testing.T) {
	for _, tc := range [][]int64{{1}, {1, 2}, {2, 1}, {1, 3, 2}, {3, 2, 1}, {2, 2, 1, 3}, {5, 1, 4, 2, 3}} {
		var l list
		for _, since := range tc {
			l.insert(&Waiter{since: since})
		}
		var forth, back []int64
		for w := l.first; w != nil; w = w.next {
			forth = append(forth, w.since)
		}
		for w := l.last; w != nil; w = w.prev {
			back = append(back, w.since)
		}
		slices.Reverse(back)
		want := slices.Sorted(slices.Values(tc))
		if !slices.Equal(forth, want) || !slices.Equal(back, want) || l.n != len(tc) {
			t.Errorf("%v became %v, and %v backwards", tc, forth, back)
		}
	}
}

// BenchmarkAcquireEndClasses is the cost where there are many classes.
func BenchmarkAcquireEndClasses(b *testing.B) {
	for _, n := range []int{2, MaxClasses} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := New(Config{}, t0)
			w := &Waiter{Priority: Default, Client: 1}
			now := t0
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				w.Class = (w.Class + 1) % n
				l.Acquire(now, w)
				l.End(now, w, Success)
			}
		})
	}
}
