package storm

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// play asks a detector all sorts of things.
func play(d *Detector, random *rand.Rand, now time.Time, n int) time.Time {
	var r Request
	for range n {
		now = now.Add(time.Duration(random.IntN(int(2 * time.Millisecond))))
		r = Request{
			Print: random.Uint64N(5000), Also: random.Uint64N(3), Exact: random.IntN(2) == 0, Says: random.IntN(4), Class: random.IntN(70) - 2,
			Client: random.Uint64N(2000), Priority: uint8(random.IntN(12)),
		}
		d.Arrive(now, &r)
		if !d.Admit(now, &r) {
			d.Answer(now, &r)
			d.End(now, &r, Shed)
			continue
		}
		if random.IntN(3) == 0 {
			d.AnswerReturn(now, &r)
		}
		d.Patience(&r)
		d.End(now, &r, Outcome(random.IntN(6)))
	}
	return now
}

// TestNoAllocations: neither in calm nor in a storm.
func TestNoAllocations(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Outcome
	}{{"calm", Useful}, {"storm", Shed}} {
		now := time.Unix(1_000_000, 0)
		d := New(Config{}, now)
		r, i := &Request{}, uint64(0)
		request := func() {
			i++
			now = now.Add(time.Millisecond / 2)
			r.Print, r.Client, r.Says = 1+i%1000, 1+i%50, 1+int(i%2)*2
			d.Arrive(now, r)
			if !d.Admit(now, r) || c.o == Shed {
				d.Answer(now, r)
				d.End(now, r, Shed)
				return
			}
			d.End(now, r, c.o)
		}
		for range 5000 {
			request()
		}
		if n := testing.AllocsPerRun(2000, request); n != 0 {
			t.Errorf("%s: %v allocations a request", c.name, n)
		}
		if c.o == Shed && d.State() != Storm {
			t.Errorf("no storm: %v", d.Status(now))
		}
	}
}

// check looks at what must hold whatever happens.
func check(t *testing.T, d *Detector) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if b := &d.budget; b.tokens < 0 || b.debt < 0 || b.tokens > b.most+1e-6 && b.tokens > 2*budgetSpan*d.cfg.Percent || b.all < 0 {
		t.Fatalf("budget: %+v tokens, %v most, %v debt, %v spent", b.tokens, b.most, b.debt, b.all)
	}
	q := &d.returns
	for i := range q.promised {
		if q.unkept[i] > q.promised[i] {
			t.Fatalf("slot %d: %d claims for %d promises", i, q.unkept[i], q.promised[i])
		}
	}
	if c := &d.counts; c.total[said]+c.total[inferred] > c.total[arrived] || c.total[refusedSaid] > c.total[said] ||
		c.total[refusedInferred] > c.total[inferred] || c.total[kept] > c.total[said]+c.total[inferred] ||
		c.total[useful]+c.total[failed]+c.total[shed]+c.total[abandoned] > c.total[arrived] {
		t.Fatalf("totals: %v", c.total)
	}
}

// TestConcurrently: many goroutines at once overdraw no budget, and admit no
// more retries than it has earned.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	var clock atomic.Int64
	var admitted, earned atomic.Int64
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 9))
			for i := range 4000 {
				now := start.Add(time.Duration(clock.Add(int64(100 * time.Microsecond))))
				r := Request{Print: mix(random.Uint64()), Exact: true, Client: 1 + random.Uint64N(40)}
				if random.IntN(3) > 0 {
					r.Says = 2
				}
				d.Arrive(now, &r)
				bound := d.bound.Load() >= uint32(boundAlike) && d.spare.Load() == 0
				if !d.Admit(now, &r) {
					d.Answer(now, &r)
					d.End(now, &r, Shed)
					continue
				}
				if r.Attempt > 1 && bound {
					admitted.Add(1)
				}
				switch {
				case r.Attempt > 1:
					d.End(now, &r, Failed)
				case random.IntN(2) == 0:
					d.End(now, &r, Shed)
				default:
					d.End(now, &r, Useful)
					earned.Add(1)
				}
				if i%50 == 0 {
					d.Status(now)
				}
			}
		})
	}
	wg.Wait()
	check(t, d)
	// 6.4 s: what was earned, two seconds' worth that the bucket may hold, and the reserve.
	most := 0.1*float64(earned.Load())*(1+budgetSpan/6.4) + 8
	if n := float64(admitted.Load()); n > most || n < 0.02*float64(earned.Load()) {
		t.Errorf("%v retries were admitted, for %d useful answers: at most %.0f", n, earned.Load(), most)
	}
}

// FuzzDetector: whatever is called in whatever order, the invariants hold.
func FuzzDetector(f *testing.F) {
	f.Add([]byte("a request, and another, and then a few more of them"))
	f.Add([]byte{0, 255, 1, 128, 7, 7, 7, 7, 200, 100, 50, 25, 12, 6, 3, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		start := time.Unix(1_000_000, 0)
		now := start
		d := New(Config{Percent: 50}, start)
		open := make([]Request, 8)
		for i := 0; i+2 < len(in) && i < 3000; i += 3 {
			op, a, b := in[i], in[i+1], in[i+2]
			switch op % 8 {
			case 0:
				now = now.Add(time.Duration(a) * time.Second)
			case 1:
				now = now.Add(-time.Duration(a) * time.Millisecond)
			default:
				now = now.Add(time.Duration(a) * time.Millisecond)
			}
			r := &open[b%8]
			switch op / 32 {
			case 0, 1, 2:
				d.End(now, r, Neutral)
				*r = Request{Print: uint64(a % 5), Also: uint64(a % 3), Exact: b&16 > 0, Says: int(b>>5) - 1, Client: uint64(a % 4), Priority: b >> 4, Class: int(a) - 100}
				d.Arrive(now, r)
				if r.Attempt < 1 || r.Kept && r.Attempt == 1 {
					t.Fatalf("%+v", r)
				}
			case 3:
				if !d.Admit(now, r) && r.Attempt <= 1 {
					t.Fatal("a first attempt was refused")
				}
			case 4:
				if a := d.AnswerReturn(now, r); a.Kind == Return && (a.After < time.Second || a.After > 30*time.Second || a.After%time.Second != 0) {
					t.Fatalf("%+v", a)
				}
			case 5:
				if s := d.Status(now); s.Budget.Left < 0 || s.Longer.RetryRatio > 1 || s.Longer.Amplification < 1 || s.Since < 0 {
					t.Fatalf("%+v", s)
				}
			default:
				d.End(now, r, Outcome(op%6))
			}
			check(t, d)
		}
	})
}
