package sim

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// open lets everything through.
type open struct {
	w        *World
	inflight int
	left     int
	outcomes [3]int
}

func newOpen(w *World) Gate { return &open{w: w} }

func (g *open) Arrive(_ time.Duration, a *Attempt) {
	g.inflight++
	g.w.Dispatch(a)
}

func (g *open) Done(_ time.Duration, _ *Attempt, o Outcome) {
	g.inflight--
	g.outcomes[o]++
}
func (g *open) Left(time.Duration, *Attempt)     { g.left++ }
func (g *open) Tick(time.Duration) time.Duration { return Never }
func (g *open) Limit() float64                   { return 0 }
func (g *open) Inflight() int                    { return g.inflight }
func (g *open) QueueLen() int                    { return 0 }

// static holds a fixed number in flight and queues the rest, first in, first
// out; it sheds when the queue is full.
type static struct {
	open
	limit, room int
	queue       []*Attempt
	word        Word
}

func newStatic(limit, room int, word Word) NewGate {
	return func(w *World) Gate { return &static{open: open{w: w}, limit: limit, room: room, word: word} }
}

func (g *static) Arrive(now time.Duration, a *Attempt) {
	switch {
	case g.inflight < g.limit:
		g.open.Arrive(now, a)
	case len(g.queue) < g.room:
		g.queue = append(g.queue, a)
	default:
		g.w.Shed(a, OverLimit, g.word)
	}
}

func (g *static) Done(now time.Duration, a *Attempt, o Outcome) {
	g.open.Done(now, a, o)
	for g.inflight < g.limit && len(g.queue) > 0 {
		next := g.queue[0]
		g.queue = g.queue[1:]
		g.open.Arrive(now, next)
	}
}

func (g *static) Left(_ time.Duration, a *Attempt) {
	g.left++
	for i, b := range g.queue {
		if a == b {
			g.queue = append(g.queue[:i:i], g.queue[i+1:]...)
			return
		}
	}
	panic("left, but not in the queue")
}
func (g *static) QueueLen() int { return len(g.queue) }

func mustRun(t testing.TB, s Scenario, g NewGate) *Result {
	t.Helper()
	r, err := Run(s, g)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails unless got is within a share of want.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within*math.Abs(want) {
		t.Errorf("%s: got %.4g, want %.4g ± %.1f%%", what, got, want, 100*within)
	}
}

// erlangC is the probability that a request waits in an M/M/c queue.
func erlangC(c int, load float64) float64 {
	a := load * float64(c)
	sum, term := 0.0, 1.0
	for k := range c {
		sum += term
		term *= a / float64(k+1)
	}
	return term / (1 - load) / (sum + term/(1-load))
}

// TestQueueingTheory compares the mean and the tail of the time in the system
// with the formulas for M/M/c and, for one worker, with Pollaczek-Khinchine.
func TestQueueingTheory(t *testing.T) {
	const mean = 10 * time.Millisecond
	scv := map[Shape]float64{Fixed: 0, HalfFixed: 0.25, Exponential: 1, LogNormal: math.E - 1, Bimodal: 10.9/3.61 - 1, Mixed: (0.9+0.1*961)/16 - 1}
	for _, c := range []int{1, 4, 32} {
		for shape, v := range scv {
			if c > 1 && shape != Exponential {
				continue
			}
			for _, load := range []float64{0.3, 0.7} {
				t.Run(fmt.Sprintf("%d workers %v at %v", c, shape, load), func(t *testing.T) {
					s := Scenario{
						Seed: 7, Duration: 3000 * time.Second / time.Duration(c), Warmup: 10 * time.Second,
						Service: Service{Workers: c, Classes: OneClass(shape, mean)},
						Clients: []Population{{Rate: load * float64(c) / mean.Seconds()}},
					}
					r := mustRun(t, s, newOpen)
					m := mean.Seconds()
					wait := erlangC(c, load) * m / (float64(c) * (1 - load))
					if c == 1 {
						wait = load * m * (1 + v) / 2 / (1 - load)
					}
					near(t, "mean time in system", r.All.Latency.Mean().Seconds(), m+wait, 0.04)
					near(t, "utilisation", r.All.Utilisation(), load, 0.02)
					if c == 1 && shape == Exponential {
						near(t, "p99", r.All.Latency.Quantile(0.99).Seconds(), math.Log(100)*m/(1-load), 0.06)
					}
				})
			}
		}
	}
}

// naive are the clients of the storm: 280 requests a second, 400 ms a try, 3
// retries, 1.5 s in all.
func naive(rate float64) Population {
	return Population{Rate: rate, Timeout: 400 * time.Millisecond, Deadline: 1500 * time.Millisecond, Retries: 3}
}

func storm() Scenario {
	return Scenario{
		Name: "storm", Seed: 1, Duration: 60 * time.Second, Drain: 2 * time.Second, Bucket: 500 * time.Millisecond,
		Service:  Service{Workers: 16, Classes: OneClass(HalfFixed, 40*time.Millisecond)},
		Clients:  []Population{naive(280)},
		Triggers: []Trigger{{Kind: Slowdown, At: 10 * time.Second, For: 6 * time.Second, Factor: 5}},
		Spans:    []Span{{From: 10 * time.Second, To: 16 * time.Second}, {From: 30 * time.Second, To: 60 * time.Second, Group: 1}},
	}
}

// TestCollapseWithoutLimiter reproduces the classic: a slowdown of 6 seconds
// ends the service for good, as clients that try again keep it working for
// nobody; a limit brings it back.
func TestCollapseWithoutLimiter(t *testing.T) {
	s := storm()
	r := mustRun(t, s, newOpen)
	calm := r.Series[18] // the tenth second
	if calm.Good < calm.Offered*95/100 {
		t.Errorf("before the trigger %d of %d requests are answered", calm.Good, calm.Offered)
	}
	late := r.Groups[1]
	if share := float64(late.Good) / float64(late.Offered); share > 0.02 {
		t.Errorf("long after the trigger %.1f%% of the requests are answered: no collapse", 100*share)
	}
	if late.Utilisation() < 0.99 || float64(late.Wasted) < 0.9*float64(late.Busy) {
		t.Errorf("the collapsed service is %v busy and wastes %v of %v", late.Utilisation(), late.Wasted, late.Busy)
	}

	r = mustRun(t, s, newStatic(20, 0, Word{}))
	near(t, "goodput with a limit, of the ideal", float64(r.Groups[0].Good)/s.IdealOf(0, r.Groups[0].Offered), 1, 0.12)
	if late := r.Groups[1]; late.Good < late.Offered*99/100 {
		t.Errorf("with a limit, after the trigger %d of %d are answered", late.Good, late.Offered)
	}
}

// TestIdeal: the storm's is known, and no gate gets more than the ideal.
func TestIdeal(t *testing.T) {
	s := storm()
	near(t, "share of the ideal", s.Ideal(12*time.Second)/280, 0.271, 0.002)
	near(t, "calm", s.Ideal(2*time.Second), 280, 1e-9)
	near(t, "load", s.Load(12*time.Second), 3.5, 1e-9)
	for _, load := range []float64{1.3, 5} {
		for _, shape := range []Shape{Fixed, Exponential, LogNormal, Bimodal} {
			s := Scenario{
				Duration: 60 * time.Second, Warmup: 10 * time.Second,
				Service: Service{Workers: 8, Classes: OneClass(shape, 20*time.Millisecond)},
				Clients: []Population{{Rate: load * 400, Timeout: 200 * time.Millisecond, Retries: 3, Deadline: 750 * time.Millisecond}},
				Spans:   []Span{{From: 10 * time.Second, To: 60 * time.Second}},
			}
			r := mustRun(t, s, newStatic(9, 8, Word{}))
			share := float64(r.Groups[0].Good) / s.IdealOf(0, r.Groups[0].Offered)
			if share > 1.02 || share < 0.93 {
				t.Errorf("load %v, %v: a good limit gets %.3f of the ideal", load, shape, share)
			}
		}
	}
}
