package rivals

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Ceiling is the upper bound of every adaptive rival's limit: twice the widest
// service of the grid.
const Ceiling = 2000

// sample is what a rule learns from one attempt.
type sample struct {
	now     time.Duration
	start   time.Duration
	latency time.Duration
	// inflight is how many were in flight when it was dispatched, itself included.
	inflight int
	drop     bool
}

// rule adapts a limit.
type rule interface {
	limit() int
	learn(s sample)
	// tick is called when it asked for it; it returns the next time.
	tick(now time.Duration) time.Duration
}

// gate lets as many through as its rule says, and sheds the others.
type gate struct {
	w        *sim.World
	rule     rule
	inflight int
	at       []int // inflight at dispatch, by slot
}

func newGate(w *sim.World, r rule) sim.Gate { return &gate{w: w, rule: r} }

func (g *gate) Arrive(_ time.Duration, a *sim.Attempt) {
	if g.inflight >= g.rule.limit() {
		g.w.Shed(a, sim.OverLimit, sim.Word{})
		return
	}
	g.inflight++
	for int(a.Slot) >= len(g.at) {
		g.at = append(g.at, make([]int, len(g.at)+64)...)
	}
	g.at[a.Slot] = g.inflight
	g.w.Dispatch(a)
}

func (g *gate) Done(now time.Duration, a *sim.Attempt, o sim.Outcome) {
	g.inflight--
	if o == sim.Canceled {
		return // each of the originals learns nothing from it
	}
	g.rule.learn(sample{
		now: now, start: a.Dispatched, latency: max(now-a.Dispatched, 1),
		inflight: g.at[a.Slot], drop: o == sim.Dropped,
	})
}

func (g *gate) Left(time.Duration, *sim.Attempt) { panic("rivals: nothing is queued") }

func (g *gate) Tick(now time.Duration) time.Duration { return g.rule.tick(now) }
func (g *gate) Limit() float64                       { return float64(g.rule.limit()) }
func (g *gate) Inflight() int                        { return g.inflight }
func (g *gate) QueueLen() int                        { return 0 }

// untimed is for rules that don't need to be woken up.
type untimed struct{}

func (untimed) tick(time.Duration) time.Duration { return sim.Never }
