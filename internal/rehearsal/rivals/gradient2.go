package rivals

import (
	"math"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// gradient2 compares the latency of the last window with a slow average.
//
// Reference: Netflix concurrency-limits, Gradient2Limit in a WindowedLimit, as
// its README uses it: windows of 1 s with at least 10 samples, their mean;
// initial 20, 20 to 200 (here Ceiling), tolerance 1.5, smoothing 0.2, queue 4,
// long average over 600 windows; it is lowered by 5% while it is over twice
// the short one.
type gradient2 struct {
	untimed
	estimate float64
	long     average
	window   window
}

// Gradient2 returns the rule.
func Gradient2(w *sim.World) sim.Gate { return newGate(w, &gradient2{estimate: 20}) }

func (g *gradient2) limit() int { return int(g.estimate) }

func (g *gradient2) learn(s sample) {
	mean, inflight, ok := g.window.add(s)
	if !ok {
		return
	}
	short := float64(mean)
	long := g.long.add(short)
	if long/short > 2 {
		g.long.value *= 0.95
	}
	if float64(inflight) < g.estimate/2 {
		return
	}
	gradient := max(0.5, min(1, 1.5*long/short))
	next := 0.8*g.estimate + 0.2*(gradient*g.estimate+4)
	g.estimate = min(max(next, 20), Ceiling)
}

// average is exponential over 600 values after a warm-up of 10.
type average struct {
	value, sum float64
	n          int
}

func (a *average) add(x float64) float64 {
	if a.n < 10 {
		a.n++
		a.sum += x
		a.value = a.sum / float64(a.n)
		return a.value
	}
	const factor = 2.0 / 601
	a.value += (x - a.value) * factor
	return a.value
}

// window gathers samples for a second.
type window struct {
	until    time.Duration
	sum, n   int64
	inflight int
}

// add returns the mean latency and the most in flight of a window that is over.
func (w *window) add(s sample) (mean time.Duration, inflight int, ok bool) {
	if s.latency < 100*time.Microsecond {
		return 0, 0, false // the original's threshold
	}
	w.sum += int64(s.latency)
	w.n++
	w.inflight = max(w.inflight, s.inflight)
	if s.now <= w.until {
		return 0, 0, false
	}
	done := *w
	*w = window{until: s.now + time.Second}
	return time.Duration(math.Round(float64(done.sum) / float64(done.n))), done.inflight, done.n >= 10
}
