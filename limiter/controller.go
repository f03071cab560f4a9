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
	windowEnough  = 2000 // samples, however much they spread
	windowPrecise = 0.2  // how well a window's mean logarithm should be known
	windowStretch = 8    // how much longer than two latencies it waits for that
	windowMissing = 0.1  // the share of a cohort that needn't be waited for
	spreadLeast   = 0.1  // of logarithms of latency: less is chance
	bootSamples   = 32   // what the first baseline rests on

	slackShare = 0.25 // queueing in the service that is tolerated, as a share of the limit
	slackLeast = 1.0  // and at least, in requests
	certain    = 1.6  // times what is tolerated: beyond chance
	calmBelow  = 1.15 // times the baseline: no queue to speak of

	memoryLeast   = int64(5 * time.Second) // after which a measurement's error has grown to a factor e
	memoryWindows = 20                     // and in windows
	learnt        = 0.15                   // how well s must be known, and how far from 1 it must be, to move the baseline
	confirmed     = 0.10                   // the same, for the baseline to be trusted

	strideFirst = 1.2  // the most a first raise multiplies the limit by; squared with each raise
	strideMost  = 2.0  // up to this
	cutMost     = 0.65 // the deepest cut
	cutHurry    = 0.5  // when clients leave, or nothing is known yet
	unmoved     = 0.04 // of the limit's logarithm: moves that aren't worth it

	lateMany  = 0.05 // the share of abandoned requests from which it hurts: one in a window is chance
	lateSlow  = 0.25 // from which on it can't be told how slow the service is: those who stay are the quick ones
	lateMost  = 0.5  // from which on nothing is learned of the service but that it is late
	priceUsed = 0.5  // of latency, while nobody leaves
	priceLate = 1.5  // while clients leave

	doubtful = 0.25 // error of log s: slow or full?
	openEnd  = 0.9  // the quantile of the width that must reach the limit to ask upwards
	probeUp  = 2.0  // what is asked for then

	noiseFirst = 3.0 // how many times the variance of windows exceeds that of their samples
	noiseMost  = 9.0
	noiseGain  = 0.1

	peakMemory    = int64(10 * time.Second)
	headroom      = 1.25 // over the recent peak of inflight, when the limit doesn't bind
	headroomLeast = 3.0

	dropShare = 0.10 // of answers, above which drops cut the limit
	dropCut   = 0.8
	downAfter = int64(500 * time.Millisecond) // without a success: the service is down
	usualGain = 0.05
)

// controller moves the limit. Each window is a measurement: so much inflight,
// so much latency. A [fit] says what they tell of the service, and which limit
// is best. The rules, as the status names them:
//
//	grow       the limit binds, and the service is likely wider: more
//	cut        requests likely queue inside the service: less
//	probe      latency is high, slow or full? nobody leaves: more tells it
//	idle       the load doesn't need the limit: keep it near the recent peak
//	drop       the service refuses or breaks: less
//	apart      a class is taken apart, or joined again: it takes its part with it
type controller struct {
	limit    float64
	min, max float64
	off      map[string]bool // rules switched off, for ablation

	step  uint32 // counts moves of the limit
	win   window
	base  baselines
	fit   fit
	known known

	boot   bool    // the first baseline is still being learned
	spread float64 // of logarithms of latency, as last seen
	noise  float64 // how many times the variance of windows exceeds that of their samples
	calm   bool    // the last window showed no queue
	stride float64 // the most the next raise multiplies the limit by
	tried  bool    // the limit has been found to be the service's
	doubts int     // windows in a row that left open whether the service is slow or full
	lates  int     // requests abandoned in this window
	late   float64 // share of requests that were abandoned lately
	good   int64   // when something last succeeded
	ended  int64   // when something last came back
	usual  float64 // latency lately, in ns
	before float64 // the limit when answers last came

	last     point // the window before, with its samples' error
	lastStep uint32

	peak   float64 // recent peak of inflight
	peakAt int64

	moved moved
}

// moved tells of the moves of a limit.
type moved struct {
	rule, why string
	from      float64
	at        int64
	counts    map[string]uint64 // by rule
}

func newController(limit, least, most float64) controller {
	return controller{
		limit: limit, min: least, max: most,
		step: 1, boot: true, spread: 1, noise: noiseFirst, stride: strideMost,
	}
}

// move sets the limit, and begins a new window.
func (c *controller) move(now int64, to float64, rule, why string) {
	to = min(max(to, c.min), c.max)
	c.moved.rule, c.moved.why, c.moved.from, c.moved.at = rule, why, c.limit, now
	if c.moved.counts == nil {
		c.moved.counts = map[string]uint64{}
	}
	c.moved.counts[rule]++
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

// end notes that something came back.
func (c *controller) end(now int64, latency float64) {
	c.ended = now
	if c.usual == 0 {
		c.usual = latency
	}
	c.usual += (latency - c.usual) * usualGain
}

// sample takes a permit that came back. A censored latency is a lower bound. It
// returns the logarithm of the latency over the baseline, if that says anything.
func (c *controller) sample(now int64, w *Waiter, latency float64, censored bool) (ratio float64, says bool) {
	mine := c.back(w)
	b := &c.base.class[w.Class]
	log := math.Log(latency)
	if censored && (b.samples == 0 || log < b.log) {
		return 0, false // censored so early that it says nothing about latency
	}
	if !censored {
		if b.samples == 0 || (c.boot || w.light) && w.step > c.base.since {
			c.base.learn(w.Class, log)
		}
		if c.boot || w.light || c.calm {
			c.base.form(log - b.log)
		}
	}
	if mine {
		full := w.waited || float64(w.occupancy) >= math.Floor(c.limit)-0.5
		c.win.add(latency, log-b.log, float64(w.occupancy), full)
		if censored {
			c.win.censored++
		} else {
			c.win.levels[levelOf(float64(w.occupancy))].add(log - b.log)
		}
	}
	return log - b.log, true
}

// back takes a permit that came back out of the cohort, and says whether it
// was in it.
func (c *controller) back(w *Waiter) bool {
	if w.cohort != c.win.id {
		return false
	}
	c.win.leave(w.since)
	return true
}

// drop takes a refusal or failure of the service.
func (c *controller) drop(w *Waiter) {
	if c.back(w) {
		c.win.drops++
	}
}

// close lets nobody else into the cohort once it is large enough.
func (c *controller) close(now int64) {
	w := &c.win
	age := now - w.begun
	if w.closed || age < windowLeast {
		return
	}
	wanted := min(max(c.spread*c.spread/(windowPrecise*windowPrecise), windowSamples/(1-windowMissing)), windowEnough)
	if c.boot {
		wanted = bootSamples
	}
	n := w.n + w.drops
	w.closed = float64(n+w.out) >= wanted || n >= windowSamples && age >= windowStretch*w.length()
}

// look ends the window when nearly all of its cohort are back, and moves the
// limit by what it shows.
func (c *controller) look(now int64) {
	c.close(now)
	w := &c.win
	n := w.n + w.drops
	age := now - w.begun
	if c.boot && c.lates >= windowSamples && c.lates > 4*w.n {
		// Nothing is known yet, and will never be: by the time that so many are answered all have left.
		c.lates = 0
		c.move(now, c.limit*cutHurry, "cut", "all clients leave before they are answered")
		return
	}
	if n < windowSamples {
		return
	}
	if !c.off["drop"] && float64(w.drops) > dropShare*float64(n) && age >= windowLeast/2 {
		c.dropped(now, n)
		return
	}
	if !w.closed || float64(w.out) > windowMissing*float64(n) {
		if !c.alarming(now, age) {
			return
		}
	}
	if w.n < windowSamples {
		w.reset(now)
		return
	}
	if c.boot {
		// The first to come back are the quick ones: those still missing count too.
		c.base.scale(w.mean(now) - w.sum/float64(w.n))
		c.boot = false
		w.reset(now)
		return
	}
	c.spread = max(w.spread(), spreadLeast)
	c.decide(now)
	c.before = c.limit
}

// alarming says whether latency is already so much higher than what is known
// explains that the rest of the window needn't be waited for. It looks the less
// often, the more samples there are: it costs more than they do.
func (c *controller) alarming(now, age int64) bool {
	w := &c.win
	if w.n < max(2*windowSamples, w.look) || age < windowLeast/2 {
		return false
	}
	w.look = w.n + w.n/4
	least := w.mean(now) - 4*max(w.spread(), modelError)/math.Sqrt(float64(w.n))
	occ := w.occupancy()
	return c.base.inflation(least) > max(tolerated(occ), c.fit.most(occ))
}

// dropped takes a window with refusals or failures.
func (c *controller) dropped(now int64, n int) {
	drops := c.win.drops
	c.tried = true
	if now-c.good < max(downAfter, int64(4*c.usual)) {
		c.move(now, c.limit*dropCut, "drop", fmt.Sprintf("%d of %d attempts failed", drops, n))
		return
	}
	// Down, not overloaded: there is nothing to learn of how much it can take.
	// It comes back cold, and what was measured is void.
	c.fit.forget()
	c.stride = strideMost
	c.move(now, max(c.before/2, c.min), "drop", fmt.Sprintf("%d of %d attempts failed: the service is down", drops, n))
}

// tolerated is the inflation at which as much queues in the service as may.
func tolerated(occ float64) float64 {
	slack := max(slackLeast, slackShare*occ)
	return occ / max(occ-slack, occ*0.45)
}

// measure makes a point of the window. Its error is that of the samples, times
// what windows at one and the same limit have been seen to differ beyond that:
// requests that wait for the same slow one aren't independent.
func (c *controller) measure(now int64) point {
	w := &c.win
	mean, err := w.mean(now), max(c.spread/math.Sqrt(float64(w.n)), 0.01)
	y := math.Log(c.base.inflation(mean))
	half := math.Log(c.base.inflation(mean+err)/c.base.inflation(mean-err)) / 2
	p := point{occ: w.occupancy(), y: y, variance: half * half, at: now}
	if c.lastStep == c.step && c.last.variance > 0 && p.near(c.last) {
		d := (y - c.last.y) * (y - c.last.y) / (p.variance + c.last.variance)
		c.noise += (min(d, noiseMost) - c.noise) * noiseGain
	}
	c.last, c.lastStep = p, c.step
	if !c.off["noise"] {
		p.variance *= max(1, c.noise)
	}
	return p
}

// decide moves the limit by what a whole window shows.
func (c *controller) decide(now int64) {
	here := c.measure(now)
	inflation := math.Exp(here.y)
	binding := c.win.binding()
	c.calm = inflation < calmBelow
	if !binding && inflation < certain*tolerated(here.occ) {
		c.unbound(now, here, inflation)
		return
	}
	n := c.win.n + c.lates
	c.late += (float64(c.lates)/float64(n) - c.late) / 2
	c.lates = 0
	c.fit.hurried = c.late > lateMany
	if c.fit.n == 0 && !c.off["recall"] {
		c.fit.recall(now, c.known.widths(&c.base, c.spread, max(1, c.noise)))
	}
	c.fit.add(here, max(float64(memoryLeast), float64(memoryWindows*(now-c.win.begun))))
	if 2*c.win.censored <= c.win.n && c.late <= lateSlow { // or they tell when clients leave, not how slow the service is
		c.rebase()
	}

	price, deepest := priceUsed, cutMost
	leaving := c.late > lateMany && !c.off["late"]
	if leaving {
		price, deepest = priceLate, cutHurry
	}
	if c.fit.width == 0 {
		deepest = cutHurry
	}
	blind := c.late > lateMost && 2*c.win.censored > c.win.n && !c.off["blind"]
	high := c.limit
	if binding && !blind {
		high = min(c.limit*c.stride, c.max)
	}
	to := c.fit.best(max(c.limit*deepest, c.min), high, price, leaving)
	if blind && binding {
		// Such windows tell when clients leave, which looks like a latency that
		// doesn't depend on how much is inflight: a service as wide as you like.
		to = min(to, c.limit*cutMost)
	}
	rule := "grow"
	if to < c.limit {
		rule = "cut"
	}
	if !blind && c.doubt(inflation, here.occ) {
		if c.doubts == 1 || !binding {
			to = max(to, c.limit) // wait for a second look, or for a load that needs more
		} else if ask := min(c.limit*probeUp, c.max); to < ask {
			to, rule = ask, "probe"
		}
	}
	narrowest, likely, widest := c.fit.remember()
	if math.Abs(math.Log(to/c.limit)) < unmoved {
		c.win.reset(now)
		return
	}
	switch {
	case to < c.limit:
		c.stride, c.tried = strideFirst, true
	case to > c.limit*c.stride*(1-unmoved):
		c.stride = min(c.stride*c.stride, strideMost)
	}
	if c.off["start"] {
		c.stride = strideFirst
	}
	c.move(now, to, rule, fmt.Sprintf("latency is %.2f times the baseline at %.0f inflight: the service works on about %.0f at once (%.0f to %.0f)",
		inflation, here.occ, likely, narrowest, widest))
}

// doubt says whether high latency may as well be the service's own as that of
// a queue in it, and counts how long that has been so. As long as hardly any
// client leaves, the answer is worth more than the latency: a cut would
// refuse requests that the service could take, perhaps for long, for little
// inflight tells a slow service from a full one no better than much.
func (c *controller) doubt(inflation, occ float64) bool {
	if c.off["probe"] || !c.fit.trusted || inflation <= tolerated(occ) ||
		c.fit.slowErr <= doubtful || c.fit.quantile(openEnd) < c.limit || c.late > lateMany {
		c.doubts = 0
		return false
	}
	c.doubts++
	return true
}

// rebase moves the baseline once it is known how slow the service is now.
func (c *controller) rebase() {
	f := &c.fit
	if math.Abs(f.slow) > learnt && f.slowErr < learnt {
		c.base.scale(f.slow)
		c.base.since = c.step // what was dispatched before is of another time
		f.rebase(f.slow)
	}
	if math.Abs(f.slow) < confirmed && f.slowErr < confirmed {
		f.trusted = true
	}
}

// unbound takes a window in which the load, not the limit, decided how much
// was inflight.
func (c *controller) unbound(now int64, here point, inflation float64) {
	if inflation < tolerated(here.occ) {
		c.fit.unqueued(here.occ)
		c.known.take(now, &c.win)
		c.tried = false
	}
	if most := max(c.peak*headroom, c.peak+headroomLeast); c.limit > most && !c.off["idle"] {
		c.move(now, most, "idle", fmt.Sprintf("the recent peak of inflight is %.0f", c.peak))
		return
	}
	c.win.reset(now)
}
