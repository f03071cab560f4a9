package limiter

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var t0 = time.Unix(0, 0)

// told collects what waiters hear.
type told map[*Waiter]Verdict

func (h told) waiter(p Priority, attempt int) *Waiter {
	return &Waiter{Priority: p, Attempt: attempt, Notify: func(w *Waiter, v Verdict) { h[w] = v }}
}

func TestAdmitsUpToTheLimit(t *testing.T) {
	l := New(Config{Fixed: 2, Queue: 1}, t0)
	h := told{}
	a, b, c, d := h.waiter(Default, 1), h.waiter(Default, 1), h.waiter(Default, 1), h.waiter(Default, 1)
	for i, tc := range []struct {
		w    *Waiter
		want Verdict
	}{{a, Admitted}, {b, Admitted}, {c, Queued}, {d, Shed}} {
		if v := l.Acquire(t0, tc.w); v != tc.want {
			t.Errorf("request %d: verdict %d, want %d", i, v, tc.want)
		}
	}
	if d.Reason != QueueFull {
		t.Errorf("shed for %v", d.Reason)
	}
	l.End(t0, a, Success)
	if h[c] != Admitted {
		t.Errorf("the one that waited heard %d", h[c])
	}
	l.End(t0, b, Ignored)
	l.End(t0, c, Dropped)
	if s := l.Status(t0); s.Inflight != 0 || s.Queued != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// TestDoubleEnd: a permit that ends twice is caught, whatever it did between.
func TestDoubleEnd(t *testing.T) {
	l := New(Config{Fixed: 1}, t0)
	h := told{}
	for name, misuse := range map[string]func(w *Waiter){
		"ended twice":  func(w *Waiter) { l.Acquire(t0, w); l.End(t0, w, Success); l.End(t0, w, Success) },
		"never given":  func(w *Waiter) { l.End(t0, w, Ignored) },
		"while queued": func(w *Waiter) { l.Acquire(t0, h.waiter(Default, 1)); l.Acquire(t0, w); l.End(t0, w, Success) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("not caught")
				}
			}()
			misuse(h.waiter(Default, 1))
		})
	}
}

func TestQueueOrder(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 100}, t0)
	h := told{}
	holder := h.waiter(Default, 1)
	l.Acquire(t0, holder)
	background, retry, first, critical := h.waiter(Background, 1), h.waiter(Default, 2), h.waiter(Default, 1), h.waiter(Critical, 3)
	for _, w := range []*Waiter{background, retry, first, critical} {
		if v := l.Acquire(t0, w); v != Queued {
			t.Fatal(v)
		}
	}
	// Higher priorities first, whatever the attempt; first attempts before retries within one.
	for i, want := range []*Waiter{critical, first, retry, background} {
		l.End(t0, holder, Success)
		if h[want] != Admitted || len(h) != i+1 {
			t.Fatalf("at %d: %d heard, the expected one %d", i, len(h), h[want])
		}
		holder = want
	}
}

// TestLowestIsNeverStarved: while higher priorities always wait, the lowest
// gets one grant in floorEvery.
func TestLowestIsNeverStarved(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 10_000}, t0)
	h := told{}
	holder := h.waiter(Critical, 1)
	l.Acquire(t0, holder)
	for range 50 {
		w := h.waiter(Background, 1)
		l.Acquire(t0, w)
	}
	served := 0
	for range 1000 {
		l.Acquire(t0, h.waiter(Critical, 1))
		clear(h)
		l.End(t0, holder, Success)
		for w := range h {
			holder = w
			if w.Priority == Background {
				served++
			}
		}
	}
	if want := 1000 / floorEvery; served < want-1 || served > want+1 {
		t.Errorf("the lowest priority got %d of 1000 grants, want %d", served, want)
	}
}

// TestStandingQueue: first in first out while it drains, last in first out
// once waits have been above the target for an interval; who has waited longer
// than that is shed.
func TestStandingQueue(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 1000}, t0)
	h := told{}
	holder := h.waiter(Default, 1)
	l.Acquire(t0, holder)
	now := t0
	step := func() (admitted *Waiter) {
		l.Acquire(now, h.waiter(Default, 1))
		l.Acquire(now, h.waiter(Default, 1)) // twice as many come as are served
		now = now.Add(4 * time.Millisecond)
		clear(h)
		l.End(now, holder, Success)
		for w, v := range h {
			if v == Admitted {
				admitted = w
			}
		}
		holder = admitted
		return admitted
	}
	if w := step(); now.Sub(t0.Add(time.Duration(w.since))) > 0 {
		t.Error("the first grant isn't now")
	}
	for range 100 {
		step()
	}
	s := l.Status(now)
	if !s.Standing {
		t.Error("the queue stands, and isn't seen to")
	}
	if s.Queued > 60 {
		t.Errorf("%d wait: those that waited too long weren't shed", s.Queued)
	}
	// When load ends the queue drains and is healthy again.
	for l.Status(now).Queued > 0 {
		clear(h)
		l.End(now, holder, Success)
		for w, v := range h {
			if v == Admitted {
				holder = w
			}
		}
	}
	l.End(now, holder, Success)
	w := h.waiter(Default, 1)
	if l.Acquire(now, w) != Admitted || l.Status(now).Standing {
		t.Error("the queue still stands although it is empty")
	}
}

func TestDeadlines(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 10}, t0)
	h := told{}
	late := h.waiter(Default, 1)
	late.Deadline = t0.Add(-time.Millisecond)
	if l.Acquire(t0, late) != Shed || late.Reason != Deadline {
		t.Error("a request whose deadline is over was taken")
	}
	holder := h.waiter(Default, 1)
	l.Acquire(t0, holder)
	soon, patient := h.waiter(Default, 1), h.waiter(Default, 1)
	soon.Deadline = t0.Add(10 * time.Millisecond)
	l.Acquire(t0, soon)
	l.Acquire(t0, patient)
	l.End(t0.Add(20*time.Millisecond), holder, Success)
	if h[soon] != Shed || soon.Reason != Deadline || h[patient] != Admitted {
		t.Errorf("heard %d for %v, and %d", h[soon], soon.Reason, h[patient])
	}
}

func TestFullQueueGivesWayToMoreImportant(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 2}, t0)
	h := told{}
	l.Acquire(t0, h.waiter(Default, 1))
	oldRetry, background := h.waiter(Default, 2), h.waiter(Background, 1)
	l.Acquire(t0, oldRetry)
	l.Acquire(t0, background)
	if v := l.Acquire(t0, h.waiter(Critical, 1)); v != Queued || h[background] != Shed {
		t.Errorf("verdict %d, the background request heard %d", v, h[background])
	}
	if v := l.Acquire(t0, h.waiter(Default, 1)); v != Queued || h[oldRetry] != Shed {
		t.Errorf("verdict %d, the retry heard %d", v, h[oldRetry])
	}
	if w := h.waiter(Background, 1); l.Acquire(t0, w) != Shed || w.Reason != QueueFull {
		t.Error("a background request pushed others out")
	}
}

func TestQueueBytes(t *testing.T) {
	l := New(Config{Fixed: 1, Queue: 100, QueueBytes: 1000}, t0)
	h := told{}
	l.Acquire(t0, h.waiter(Default, 1))
	big, small := h.waiter(Default, 1), h.waiter(Default, 1)
	big.Size, small.Size = 2000, 900
	if l.Acquire(t0, big) != Shed || big.Reason != QueueBytes {
		t.Error("more bytes wait than may")
	}
	if l.Acquire(t0, small) != Queued {
		t.Error("fewer bytes than may don't wait")
	}
	if !l.Cancel(t0, small) || l.Cancel(t0, small) {
		t.Error("a waiter can leave exactly once")
	}
	if s := l.Status(t0); s.Queued != 0 || l.queue.bytes != 0 {
		t.Errorf("%d wait with %d bytes", s.Queued, l.queue.bytes)
	}
}

// TestFairness: at the limit, a client with many times its share waits behind
// the others, and gets what they leave.
func TestFairness(t *testing.T) {
	l := New(Config{Fixed: 10, Queue: 200}, t0)
	served := map[uint64]int{}
	var holders []*Waiter
	notify := func(w *Waiter, v Verdict) {
		if v == Admitted {
			served[w.Client]++
			holders = append(holders, w)
		}
	}
	now := t0
	ask := func(client uint64) {
		w := &Waiter{Priority: Default, Client: client, Notify: notify}
		if l.Acquire(now, w) == Admitted {
			notify(w, Admitted)
		}
	}
	for i := range 4000 {
		for range 8 {
			ask(1) // the noisy one
		}
		ask(uint64(2 + i%4))
		now = now.Add(time.Millisecond)
		for range 3 {
			w := holders[0]
			holders = holders[1:]
			l.End(now, w, Success)
		}
	}
	others := served[2] + served[3] + served[4] + served[5]
	if others < 3900 {
		t.Errorf("four modest clients got %d of their 4000, the noisy one %d", others, served[1])
	}
}

// TestConcurrent: under concurrency, whatever ends however, never more than
// the limit is inflight, each request is told exactly one thing, and nothing
// is left over.
func TestConcurrent(t *testing.T) {
	const limit = 7
	l := New(Config{Fixed: limit, Queue: 20}, t0)
	var inflight, most, decided, asked atomic.Int64
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			heard := make(chan Verdict, 1)
			for range 3000 {
				w := &Waiter{
					Priority: Priority(r.IntN(priorities)), Attempt: r.IntN(3), Client: r.Uint64N(5), Size: r.IntN(1000),
					Notify: func(_ *Waiter, v Verdict) { heard <- v },
				}
				asked.Add(1)
				now := t0.Add(time.Duration(r.IntN(1e9)))
				v := l.Acquire(now, w)
				if v == Queued {
					if r.IntN(4) == 0 && l.Cancel(now, w) {
						decided.Add(1)
						continue
					}
					v = hear(l, heard)
				}
				decided.Add(1)
				if v == Shed {
					continue
				}
				n := inflight.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				func() {
					defer func() { recover() }()
					defer func() {
						inflight.Add(-1)
						l.End(now, w, Outcome(1+r.IntN(4)))
					}()
					if r.IntN(10) == 0 {
						panic("in the request")
					}
				}()
			}
		})
	}
	wg.Wait()
	if s := l.Status(t0); s.Inflight != 0 || s.Queued != 0 || most.Load() > limit || decided.Load() != asked.Load() {
		t.Errorf("inflight %d, queued %d, at most %d at once, %d of %d decided", s.Inflight, s.Queued, most.Load(), decided.Load(), asked.Load())
	}
}

// hear waits for a verdict, and lets time pass meanwhile as a proxy's ticker
// does: what was abandoned gives its room back by time alone.
func hear(l *Limiter, heard <-chan Verdict) Verdict {
	for {
		select {
		case v := <-heard:
			return v
		default:
			l.Tick(t0.Add(2 * time.Second))
			runtime.Gosched()
		}
	}
}

// TestAllocations: an admitted request costs none.
func TestAllocations(t *testing.T) {
	l := New(Config{}, t0)
	w := &Waiter{Priority: Default, Client: 1}
	now := t0
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		if l.Acquire(now, w) == Admitted {
			l.End(now.Add(time.Millisecond), w, Success)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAcquireEnd(b *testing.B) {
	l := New(Config{}, t0)
	w := &Waiter{Priority: Default, Client: 1}
	now := t0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		l.Acquire(now, w)
		l.End(now, w, Success)
	}
}

func BenchmarkAcquireEnd16(b *testing.B) {
	l := New(Config{Fixed: 1000}, t0)
	b.SetParallelism(8) // times GOMAXPROCS of 2: 16 goroutines
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := &Waiter{Priority: Default, Client: 1}
		now := t0
		for pb.Next() {
			now = now.Add(time.Microsecond)
			l.Acquire(now, w)
			l.End(now, w, Success)
		}
	})
}

func BenchmarkRefusal(b *testing.B) {
	l := New(Config{Fixed: 1, Queue: -1}, t0)
	l.Acquire(t0, &Waiter{})
	w := &Waiter{Priority: Default}
	b.ReportAllocs()
	for b.Loop() {
		l.Acquire(t0, w)
	}
}
