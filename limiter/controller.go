package limiter

import (
	"fmt"
	"math"
	"time"
)

// Numbers of the controller, each with its reason.
const (
	windowLeast    = int64(100 * time.Millisecond)
	windowMost     = int64(2 * time.Second)
	windowSamples  = 10
	precise        = 0.06 // a window whose mean is known this well needn't go on
	windowStretch  = 4    // how much longer one lasts that isn't
	slackShare     = 0.15 // queueing in the service that is tolerated, as a share of the limit
	slackLeast     = 1.0  // and at least, in requests
	growStart      = 2.0  // slow start's factor
	growSteady     = 0.10 // later growth, as a share, at least one request
	cutMost        = 0.30 // a cut without knowledge, at most
	elastic        = 0.5  // the least elasticity of latency to inflight that is queueing
	peakMemory     = int64(10 * time.Second)
	headroom       = 1.25 // over the recent peak of inflight, when the limit doesn't bind
	headroomLeast  = 3.0
	dropShare      = 0.10 // of answers, above which drops cut the limit
	dropCut        = 0.8
	testSamples    = 20
	pauseMultiples = 10 // no completion for so many baselines is a pause
)

// controller moves the limit. Its rules, each named as the status has it:
//
//	grow       the limit binds and latency is near the baseline
//	cut        latency is inflated: towards what Little's law says fits
//	test       was that queueing? latency must have fallen with inflight …
//	relearn    … it hasn't: the service itself is slower; take the cut back
//	drop       the service refuses or breaks
//	idle       the load doesn't need the limit: keep it near the recent peak
type controller struct {
	limit    float64
	min, max float64
	off      map[string]bool // rules switched off, for ablation

	step  uint32 // counts moves of the limit
	win   window
	base  baselines
	start bool // slow start: no sign of the ceiling yet

	testing     bool
	beforeLimit float64
	beforeInfl  float64
	beforeOcc   float64

	peak     float64 // recent peak of inflight
	peakAt   int64
	lastRule string
	lastWhy  string
	lastAt   int64
}

func (c *controller) move(now int64, to float64, rule, why string) {
	to = min(max(to, c.min), c.max)
	c.lastRule, c.lastWhy, c.lastAt = rule, why, now
	if to != c.limit {
		c.limit = to
		c.step++
	}
	c.win.reset(now)
}

// observe notes the inflight after an admission.
func (c *controller) observe(now int64, inflight float64) {
	if inflight >= c.peak || now-c.peakAt > peakMemory {
		if inflight < c.peak { // the old peak has been forgotten: come down by half
			inflight = max(inflight, (inflight+c.peak)/2)
		}
		c.peak, c.peakAt = inflight, now
	}
}

// sample takes a finished permit's latency.
func (c *controller) sample(now int64, w *Waiter, latency float64, late bool) {
	expect := c.base.expect(w.Class)
	if w.light && !late {
		c.base.learn(w.Class, now, latency)
	}
	if expect == 0 {
		if expect = c.base.expect(w.Class); expect == 0 {
			c.base.learn(w.Class, now, latency) // the very first: better than nothing
			expect = latency
		}
	}
	if w.step != c.step {
		return
	}
	if late && latency < expect {
		return // censored so early that it says nothing
	}
	c.win.add(latency, expect, float64(w.occupancy), float64(w.occupancy) >= math.Floor(c.limit)-0.5)
}

// drop takes a refusal or failure of the service.
func (c *controller) drop(w *Waiter) {
	if w.step == c.step {
		c.win.drops++
	}
}

// look ends the window if it is ripe, and moves the limit by what it shows.
func (c *controller) look(now int64) {
	w := &c.win
	n := w.n + w.drops
	if n < windowSamples {
		return
	}
	mean := w.latency / float64(max(w.n, 1))
	length := min(max(int64(2*mean), windowLeast), windowMost)
	age := now - w.begun
	if age < length {
		return
	}
	if !c.off["drop"] && float64(w.drops) > dropShare*float64(n) {
		c.start = false
		c.move(now, c.limit*dropCut, "drop", fmt.Sprintf("%d of %d attempts failed", w.drops, n))
		return
	}
	if w.n < windowSamples {
		w.reset(now)
		return
	}
	dev := w.deviation()
	if dev > precise && age < windowStretch*length && w.n < 2000 && !c.clear(dev) {
		return
	}
	c.decide(now, dev)
}

// clear says that a window's verdict is beyond doubt although its mean isn't precise.
func (c *controller) clear(dev float64) bool {
	f := c.win.inflation()
	return math.Abs(math.Log(f/c.tolerated(c.win.occupancy()))) > 3*dev
}

// tolerated is the inflation at which as much queues in the service as may.
func (c *controller) tolerated(occ float64) float64 {
	slack := max(slackLeast, slackShare*occ)
	return occ / max(occ-slack, occ*0.45)
}

func (c *controller) decide(now int64, dev float64) {
	w := &c.win
	f, occ := w.inflation(), w.occupancy()
	if c.testing {
		c.judgeTest(now, f, occ)
		return
	}
	switch tolerated := c.tolerated(occ); {
	case f < 1-2*dev && w.n >= testSamples:
		// Faster than the baseline, under whatever load: so the baseline is too high.
		c.base.scale(f)
		c.grow(now, 1, occ)
	case f > tolerated*(1+dev):
		c.start = false
		if c.off["cut"] {
			w.reset(now)
			return
		}
		fits := occ/f + max(slackLeast, slackShare*occ/f)/2
		to := max(fits, c.limit*(1-cutMost))
		if to >= c.limit {
			to = c.limit * (1 - slackShare)
		}
		c.testing, c.beforeLimit, c.beforeInfl, c.beforeOcc = !c.off["test"], c.limit, f, occ
		c.move(now, to, "cut", fmt.Sprintf("latency is %.2f times the baseline at %.0f inflight", f, occ))
		if c.limit == c.beforeLimit {
			c.testing = false
		}
	default:
		c.grow(now, f, occ)
	}
}

// grow raises a limit that binds, and keeps one that doesn't near the recent
// peak of inflight.
func (c *controller) grow(now int64, f, occ float64) {
	w := &c.win
	if w.binding() {
		to := c.limit + max(1, growSteady*c.limit)
		if c.start {
			to = c.limit * growStart
		} else if f > 1+slackShare/2 && occ > 8 {
			w.reset(now) // near enough: stay
			return
		}
		c.move(now, to, "grow", fmt.Sprintf("the limit binds, latency is %.2f times the baseline", f))
		return
	}
	cap := max(c.peak*headroom, c.peak+headroomLeast)
	if !c.off["idle"] && c.limit > cap {
		c.move(now, cap, "idle", fmt.Sprintf("the recent peak of inflight is %.0f", c.peak))
		return
	}
	w.reset(now)
}

// judgeTest looks whether latency fell with inflight after a cut.
func (c *controller) judgeTest(now int64, f, occ float64) {
	c.testing = false
	less := math.Log(c.beforeOcc / occ)
	if less < 0.03 {
		c.win.reset(now) // inflight didn't follow: nothing to compare
		return
	}
	e := math.Log(c.beforeInfl/f) / less
	if e >= elastic {
		c.lastRule, c.lastWhy, c.lastAt = "test", fmt.Sprintf("latency fell with inflight (elasticity %.2f): it was queueing", e), now
		if f > c.tolerated(occ) {
			fits := occ/f + max(slackLeast, slackShare*occ/f)/2
			c.testing, c.beforeLimit, c.beforeInfl, c.beforeOcc = true, c.limit, f, occ
			c.move(now, max(fits, c.limit*0.5), "cut", fmt.Sprintf("latency is still %.2f times the baseline", f))
			return
		}
		c.win.reset(now)
		return
	}
	// Fewer inflight changed nothing: this is how slow the service is now.
	c.base.scale(f)
	c.move(now, c.beforeLimit, "relearn", fmt.Sprintf("latency stayed %.2f times the baseline with less inflight (elasticity %.2f)", f, e))
}
