package limiter

import (
	"fmt"
	"math"
	"time"
)

// Numbers of the controller, each with its reason.
const (
	windowLeast   = int64(100 * time.Millisecond)
	windowMost    = int64(2 * time.Second)
	windowSamples = 10
	precise       = 0.10 // a window whose mean logarithm is known this well needn't go on
	preciseTest   = 0.06 // and in a test of little inflation
	windowStretch = 8    // how much longer one lasts that isn't
	windowMissing = 0.1  // the share of a cohort that needn't be waited for

	windowSamplesMost = 2000

	slackShare = 0.25 // queueing in the service that is tolerated, as a share of the limit
	slackLeast = 1.0  // and at least, in requests

	growStart  = 2.0  // slow start's factor
	descend    = 0.5  // and its reverse, from a first limit that was too high
	growAgain  = 1.5  // the factor when the service has changed, and the old limit is a fair guess
	growSteady = 0.10 // later growth, as a share, at least one request
	cutMost    = 0.3  // a cut without knowledge, at most
	probeCut   = 0.20 // a cut that only asks
	elastic    = 0.5  // the least elasticity of latency to inflight that is queueing
	beyond     = 2.0  // and the most

	probeEvery   = int64(4 * time.Second) // how long a limit that binds stays unasked, at least
	probeWindows = 20                     // and in windows
	holdTime     = int64(3 * time.Second) // how long a raise that went too far isn't tried again

	peakMemory    = int64(10 * time.Second)
	headroom      = 1.25 // over the recent peak of inflight, when the limit doesn't bind
	headroomLeast = 3.0

	dropShare = 0.10 // of answers, above which drops cut the limit
	dropCut   = 0.8
	downShare = 0.9 // of attempts: a service that fails so many is down
	leaveCut  = 0.7 // when most clients leave: what they leave is still worked on, so there is more inflight than is known

	censoredShare = 0.2 // of a cohort, above which it says too little about the service

	baselineTrust = 0.5 // how far the baseline follows one test

	quicker = 0.75 // times the baseline: the service has recovered

	certain = 1.6 // times what is tolerated: beyond chance at once

	bootSamples = 32 // what the first baseline rests on

	pauseLeast = int64(20 * time.Millisecond)
	pauseShare = 0.2 // of the time; more stalling than that is overload
)

// controller moves the limit. Its rules, each named as the status has it:
//
//	start      the limit binds and doubling it brought no latency: double it
//	grow       the limit binds and latency is near the baseline: a little more
//	cut        latency is inflated: towards what Little's law says fits
//	descend    the first raise brought latency: less, until less brings nothing
//	hold       the last raise brought latency: take it back, and wait
//	probe      the limit has long bound: a little less, to see what it brings
//	test       was it queueing? latency must have fallen with inflight …
//	relearn    … it hasn't: so slow is the service itself; take the cut back
//	leave      most clients leave before they are answered
//	drop       the service refuses or breaks
//	idle       the load doesn't need the limit: keep it near the recent peak
//	pause      nothing came back for a while: what it delayed says nothing
type controller struct {
	limit    float64
	min, max float64
	off      map[string]bool // rules switched off, for ablation

	step   uint32 // counts moves of the limit
	win    window
	spread float64 // of logarithms of latency, as last seen
	base   baselines
	boot   int     // samples still to come before the baseline means anything
	start  bool    // slow start: no sign of the ceiling yet
	factor float64 // of slow start

	level      level   // the last level of inflight that slow start has measured
	test       level   // what was before the cut that is being tested; n = 0: none
	suspect    level   // a window that was high, once
	probing    bool    // the test is a probe: the cut wasn't needed
	before     float64 // the limit when answers last came
	descending bool    // from a first limit that may have been too high
	rose       bool    // a raise without latency was seen, so what was below it is known
	good       float64 // the highest limit lately at which latency was fine
	hold       int64   // no growth before
	asked      int64   // when the limit was last tested or moved by latency
	windows    int     // since then

	peak   float64 // recent peak of inflight
	peakAt int64

	lastEnd  int64
	stalled  int64 // in the current stretch of pauses' accounting
	stallsAt int64

	lastRule, lastWhy string
	lastFrom          float64
	lastAt            int64
	moves             map[string]uint64 // by rule
}

// level is what was measured at one limit.
type level struct {
	limit, occ float64
	log, infl  float64 // mean logarithm over the baseline, and what it means
	n          int
	censored   bool // many of the clients had left
}

func (c *controller) move(now int64, to float64, rule, why string) {
	to = min(max(to, c.min), c.max)
	c.lastRule, c.lastWhy, c.lastFrom, c.lastAt = rule, why, c.limit, now
	if c.moves == nil {
		c.moves = map[string]uint64{}
	}
	c.moves[rule]++
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

// sample takes a permit that came back. A censored latency is a lower bound.
func (c *controller) sample(now int64, w *Waiter, latency float64, censored bool) {
	if w.cohort == c.win.id {
		c.win.leave(w.since)
	}
	log := math.Log(latency)
	b := &c.base.class[w.Class]
	if censored && w.cohort == c.win.id && log >= b.log {
		c.win.gone++ // all of them, as long as there is no baseline
	}
	if censored && (b.samples == 0 || log < b.log) {
		return // censored so early that it says nothing about latency
	}
	if b.samples == 0 || ((c.boot > 0 || w.light) && !censored && w.step > c.base.since) {
		c.base.learn(w.Class, log)
	}
	if c.boot > 0 {
		if c.boot--; c.boot == 0 {
			c.win.reset(now)
		}
		return
	}
	if w.cohort == c.win.id {
		full := float64(w.occupancy) >= math.Floor(c.limit)-0.5
		c.win.add(latency, log-b.log, float64(w.occupancy), full, censored)
	}
}

// unused takes a permit that came back without a request having been sent.
func (c *controller) unused(w *Waiter) {
	if w.cohort == c.win.id {
		c.win.leave(w.since)
	}
}

// drop takes a refusal or failure of the service.
func (c *controller) drop(w *Waiter) {
	if w.cohort == c.win.id {
		c.win.leave(w.since)
		c.win.drops++
	}
}

// ended notes that a permit came back while so many were inflight, and sees
// pauses: a collector that stops the service delays all that is inflight at
// once, which has nothing to do with how much that is.
func (c *controller) ended(now int64, inflight int, baseline float64) {
	gap := now - c.lastEnd
	c.lastEnd = now
	if c.off["pause"] || baseline == 0 || gap < pauseLeast || float64(gap) < baseline*(1+8/float64(inflight)) {
		return
	}
	if now-c.stallsAt > peakMemory {
		c.stalled, c.stallsAt = 0, now
	}
	c.stalled += gap
	if float64(c.stalled) > pauseShare*float64(peakMemory) {
		return // so often that it is the service's nature
	}
	c.step++ // what was dispatched before or during it doesn't count
	c.win.reset(now)
}

// look closes the window when enough have entered, ends it when nearly all of
// them are back, and moves the limit by what it shows.
func (c *controller) look(now int64) {
	w := &c.win
	n := w.n + w.drops
	age := now - w.begun
	if w.gone >= windowSamples && 2*w.gone >= w.n+w.gone-w.censored && age >= windowLeast/2 && !c.off["leave"] {
		c.start, c.level, c.test, c.suspect = false, level{}, level{}, level{}
		c.asked, c.windows = now, 0
		c.move(now, min(c.limit, c.peak)*leaveCut, "leave", "most clients leave before they are answered")
		return
	}
	if n < windowSamples {
		return
	}
	mean := w.latency / float64(max(w.n, 1))
	if !w.closed {
		length := min(max(int64(2*mean), windowLeast), windowMost)
		errors := precise
		if c.test.n > 0 && c.test.infl < certain*c.tolerated(c.test.occ) {
			errors = preciseTest // what is small and in no hurry
		}
		wanted := min((c.spread/errors)*(c.spread/errors), windowSamplesMost)
		if age >= windowLeast && (float64(n+w.out) >= wanted || age >= windowStretch*length) {
			w.closed = true
		}
	}
	switch {
	case !c.off["drop"] && float64(w.drops) > dropShare*float64(n) && age >= windowLeast/2:
		c.level, c.test, c.suspect = level{}, level{}, level{}
		if float64(w.drops) > downShare*float64(n) {
			// Down, not overloaded: there is nothing to learn of how much it can
			// take. It comes back cold, and slow start finds out.
			c.start, c.factor = !c.off["start"], growStart
			c.move(now, min(c.limit, max(c.before/2, c.min)), "drop", fmt.Sprintf("%d of %d attempts failed: the service is down", w.drops, n))
			return
		}
		c.start = false
		c.move(now, c.limit*dropCut, "drop", fmt.Sprintf("%d of %d attempts failed", w.drops, n))
		return
	case w.n >= 2*windowSamples && age >= windowLeast/2 && c.atLeast(now, 4) > c.tolerated(w.occupancy()):
		// Beyond doubt already: what is missing can only make it worse.
	case !w.closed || float64(w.out) > windowMissing*float64(n):
		return
	}
	if w.n < windowSamples {
		w.reset(now)
		return
	}
	c.before = c.limit
	c.spread = max(w.spread(), 0.1)
	c.windows++
	c.decide(now)
}

// atLeast is the inflation that can be assumed with so many standard errors to spare.
func (c *controller) atLeast(now int64, errors float64) float64 {
	w := &c.win
	m := w.mean(now) - errors*max(w.spread(), 0.05)/math.Sqrt(float64(w.n))
	return c.base.inflation(m)
}

// tolerated is the inflation at which as much queues in the service as may.
func (c *controller) tolerated(occ float64) float64 {
	slack := max(slackLeast, slackShare*occ)
	return occ / max(occ-slack, occ*0.45)
}

// fits is how much inflight Little's law says the service works on at once, and
// half of the slack.
func fits(occ, inflation float64) float64 {
	work := occ / inflation
	return work + max(slackLeast, slackShare*work)/2
}

func (c *controller) decide(now int64) {
	w := &c.win
	here := level{limit: c.limit, occ: w.occupancy(), log: w.mean(now), n: w.n, censored: float64(w.censored) > censoredShare*float64(w.n)}
	here.infl = c.base.inflation(here.log)
	if c.test.n > 0 {
		c.judge(now, here)
		return
	}
	tolerated := c.tolerated(here.occ)
	if !w.binding() {
		c.level = level{} // what slow start has measured is getting old
		if here.infl < certain*tolerated {
			c.suspect = level{}
			c.idle(now)
			return
		}
	} else if c.start && here.infl < certain*tolerated || c.level.n > 0 {
		c.double(now, here)
		return
	}
	if c.suspect.n > 0 {
		here = c.merge(c.suspect, here)
		c.suspect = level{}
	} else if here.infl > tolerated && here.infl < certain*tolerated {
		// One window may be high by chance, the more so as only high ones come
		// here. A second one tells, and both together how much.
		c.suspect = here
		w.reset(now)
		return
	}
	switch {
	case here.infl > tolerated:
		c.cut(now, here)
	case here.infl < quicker:
		// No load makes a service faster than it is: the baseline was that of worse times.
		c.base.scale(here.log)
		c.start, c.factor, c.level = !c.off["start"], growAgain, level{}
		c.move(now, c.limit, "relearn", fmt.Sprintf("latency is %.2f times the baseline", here.infl))
	default:
		c.good = c.limit
		c.grow(now, here)
	}
}

// idle keeps a limit that doesn't bind near the recent peak of inflight.
func (c *controller) idle(now int64) {
	most := max(c.peak*headroom, c.peak+headroomLeast)
	c.start, c.factor = !c.off["start"], growStart // the ceiling that was found is of other times
	if !c.off["idle"] && c.limit > most {
		c.move(now, most, "idle", fmt.Sprintf("the recent peak of inflight is %.0f", c.peak))
		return
	}
	c.win.reset(now)
}

// merge makes one level of two that were measured at the same limit.
func (c *controller) merge(a, b level) level {
	n, m := float64(a.n), float64(b.n)
	b.log = (a.log*n + b.log*m) / (n + m)
	b.occ = (a.occ*n + b.occ*m) / (n + m)
	b.n += a.n
	b.infl = c.base.inflation(b.log)
	return b
}

// double is slow start: a limit raised by a factor, as long as that brings no latency.
func (c *controller) double(now int64, here level) {
	if c.level.n > 0 {
		c.level.infl = c.base.inflation(c.level.log)
		e := elasticity(c.level, here)
		if e > beyond {
			// More than queueing explains: the service has changed meanwhile.
			c.cut(now, here)
			return
		}
		if e >= elastic && !c.rose && !c.off["descend"] {
			// The very first raise brought latency, so the level before may have
			// been too high already: look below.
			c.start, c.descending = false, true
			before := c.level
			c.level = level{}
			c.ask(now, before, before.limit*descend, true, "descend", fmt.Sprintf("the first raise brought latency (elasticity %.2f)", e))
			return
		}
		if e >= elastic {
			c.start = false
			// The level before shows what latency is without queueing.
			c.base.scale(c.level.log)
			infl := c.base.inflation(here.log - c.level.log)
			c.level = level{}
			c.asked, c.windows = now, 0
			c.move(now, fits(here.occ, infl), "cut", fmt.Sprintf("more inflight brought latency (elasticity %.2f)", e))
			return
		}
		// Neither level had queueing: together they are the baseline.
		c.rose = true
		both := c.merge(c.level, here)
		c.base.scale(both.log)
		here.log -= both.log
	}
	c.level = here
	c.move(now, c.limit*c.factor, "start", "the limit binds, and raising it brought no latency yet")
}

// cut lowers the limit towards what fits, and begins a test of whether it was
// queueing.
func (c *controller) cut(now int64, here level) {
	c.start, c.level = false, level{}
	if c.off["cut"] {
		c.win.reset(now)
		return
	}
	to := min(max(fits(here.occ, here.infl), c.limit*(1-cutMost)), c.limit*(1-slackShare/2))
	if here.infl < certain*c.tolerated(here.occ) && c.good > to && c.good < c.limit && !c.off["hold"] {
		// It was the last raise that went too far: take it back, and leave it.
		good := c.good
		c.good, c.hold = 0, now+holdTime
		c.move(now, good, "hold", fmt.Sprintf("latency is %.2f times the baseline at %.0f inflight, and wasn't below", here.infl, here.occ))
		return
	}
	c.good = 0
	c.ask(now, here, to, false, "cut", fmt.Sprintf("latency is %.2f times the baseline at %.0f inflight", here.infl, here.occ))
}

// ask moves the limit down and remembers what was before.
func (c *controller) ask(now int64, here level, to float64, probing bool, rule, why string) {
	before := c.limit
	c.move(now, to, rule, why)
	c.asked, c.windows = now, 0
	if c.limit < before && !c.off["test"] {
		c.test, c.probing = here, probing
	}
}

// grow raises a limit that binds a little.
func (c *controller) grow(now int64, here level) {
	w := &c.win
	if now >= c.hold && here.infl <= 1+(c.tolerated(here.occ)-1)/2 {
		c.move(now, c.limit+max(1, growSteady*c.limit), "grow", fmt.Sprintf("the limit binds, latency is %.2f times the baseline", here.infl))
		return
	}
	if !c.off["probe"] && now-c.asked > probeEvery && c.windows > probeWindows && c.limit >= 4 {
		c.ask(now, here, c.limit*(1-probeCut), true, "probe", "the limit has bound for long")
		return
	}
	w.reset(now)
}

// elasticity is how much latency moves with inflight from a to b: 1 where the
// service queues, 0 where it doesn't.
func elasticity(a, b level) float64 {
	d := math.Log(b.occ / a.occ)
	if math.Abs(d) < 0.03 {
		return 0
	}
	return math.Log(b.infl/a.infl) / d
}

// judge looks whether latency fell with inflight after a cut.
func (c *controller) judge(now int64, here level) {
	before := c.test
	c.test = level{}
	if here.occ > before.occ*0.97 {
		c.win.reset(now) // inflight didn't follow: nothing to compare
		return
	}
	before.infl = c.base.inflation(before.log)
	e := elasticity(before, here)
	if here.censored && here.infl > c.tolerated(here.occ) {
		// Clients leave before they are answered, and what they leave is still
		// worked on: the service holds more than is inflight here.
		c.ask(now, here, c.limit*(1-cutMost), false, "cut", "clients leave before they are answered")
		return
	}
	high := here.infl > c.tolerated(here.occ)
	if c.descending {
		c.descending = false
		if e >= elastic && c.limit > c.min {
			c.base.scale(here.log) // nearer to what it is without queueing
			here.log = 0
			c.descending = true
			c.ask(now, here, c.limit*descend, true, "descend", fmt.Sprintf("less inflight brought less latency (elasticity %.2f)", e))
			return
		}
		c.base.scale(here.log)
		c.rose = true
		infl := c.base.inflation(before.log - here.log)
		c.move(now, max(fits(before.occ, infl), c.limit), "descend", fmt.Sprintf("less inflight brought no less latency (elasticity %.2f)", e))
		return
	}
	switch {
	case high && e >= elastic:
		c.ask(now, here, max(fits(here.occ, here.infl), c.limit*(1-cutMost)), false, "cut", fmt.Sprintf("latency fell with inflight (elasticity %.2f), and is still %.2f times the baseline", e, here.infl))
	case high:
		// Fewer inflight changed nothing: this is how slow the service is now.
		both := c.merge(before, here)
		c.base.scale(both.log)
		c.base.since = c.step
		c.start, c.factor, c.level = !c.off["start"], growAgain, level{}
		c.move(now, before.limit, "relearn", fmt.Sprintf("latency stayed %.2f times the baseline with less inflight (elasticity %.2f)", here.infl, e))
	case e >= elastic:
		if errors := 3 * c.spread / math.Sqrt(float64(here.n)); here.log < -errors {
			c.base.scale(here.log * baselineTrust)
		}
		to := c.limit
		if c.probing {
			to = fits(here.occ, max(here.infl, 1))
		}
		c.move(now, to, "test", fmt.Sprintf("latency fell with inflight (elasticity %.2f): it was queueing", e))
	default:
		// It was chance, or a probe below the knee: what was measured is the
		// baseline, and the limit was none too high.
		both := c.merge(before, here)
		c.base.scale(both.log * baselineTrust)
		c.start, c.factor, c.level = !c.off["start"], growAgain, level{}
		c.move(now, before.limit, "test", fmt.Sprintf("latency didn't depend on inflight (elasticity %.2f)", e))
	}
}
