package limiter

import (
	"fmt"
	"math"
	"time"
)

// apart watches the classes, and takes one that has become slow alone out of
// the common limit.
//
// A limit for all classes is right as long as they queue for the same thing.
// When only one of them is slow, because something that only it needs hangs,
// its requests stay inflight longer and longer until they fill the limit: the
// others wait for them and are shed, although the service could answer them.
// A limit per class from the start would prevent that, but would have to be
// learned for each from a fraction of the samples, and could not know how many
// all may have together. So a class has a group of its own, with a limit, a
// queue and a controller, only from when it is seen to be slow alone until it
// is as quick as before. The limit is divided then, and added up again later:
// so what may be inflight in all stays what it was.
//
// Two things give such a class away. One is latency: over a window of its own
// samples it is far above its baseline, in two windows in a row, while that of
// the others isn't. What they have in common is a wait, not a factor: the same
// wait in the service's queue is much to a class of quick requests and hardly
// seen in one of slow ones. So the others must also be known to wait less, in
// time. The other is silence: many of its requests are inflight and none comes
// back, while the others do.
type apart struct {
	class  []record // by class; as many as have been seen
	known  int      // how many of them have
	rest   tally    // of all that were ever common and not suspected, in the samples' order
	groups [mostApart]*group
	n      int    // how many groups there are
	ids    uint32 // the last one given to a group
}

// record is what is known of one class besides its baseline.
type record struct {
	seen bool
	held int // inflight, wherever

	// The current window.
	own     tally
	latency float64 // sum, in ns
	occ     float64 // sum of its group's inflight at dispatch
	full    int     // how many had to wait for a permit
	begun   int64
	before  tally // the rest, when it began

	hot   int     // windows in a row that showed it slow alone
	usual float64 // inflight while it wasn't; 0: unknown

	last    int64 // when one last came back
	then    tally // the rest, at that time
	suspect int64 // since when its silence has been striking; 0: it isn't
}

// tally sums up logarithms of latency over the class's baseline.
type tally struct {
	n, sum, sq float64
	base       float64 // sum of the logarithms of the baselines
}

// alone is what only a group of one class has.
type alone struct {
	class int
	base  float64 // logarithm of the class's baseline when it was healthy
	took  float64 // of the common limit, which it gives back
	most  float64 // of what the limit may be at most, likewise
	why   string
	since int64   // when it was taken apart
	calm  int64   // since when it has been as quick as before; 0: it isn't
	calms int     // windows in which it was, in a row
	n     float64 // samples of these windows
	full  float64 // how many of them had to wait for a permit
	last  int64   // when one of it was last answered
}

const (
	// mostApart is how many classes are apart at once, at most: when it is
	// more of them, it isn't one that is slow alone.
	mostApart = 4

	apartDoubt   = 3.0  // standard errors that a class must be off by
	restDoubt    = 2.0  // and that are allowed for the others
	restWait     = 0.5  // of the class's additional wait: the others' must be below that
	apartTwice   = 2    // windows in a row that must show it
	apartStale   = 4    // windows' worth of samples after which one without others to compare starts anew
	silentLeast  = 10   // inflight that are silent
	silentFactor = 4.0  // times the baseline that they are
	apartSpare   = 1.25 // over its usual inflight: what it begins with
	apartMost    = 0.5  // of the common limit, at most
	usualWeight  = 0.3  // of a window for what is usual

	joinWindows = 3 // calm ones in a row
	joinAfter   = int64(5 * time.Second)
	joinFull    = 0.5 // share that waited for a permit meanwhile, from which it is quick because it is limited
	joinUnused  = int64(time.Minute)
)

func (t *tally) add(ratio, base float64) {
	t.n++
	t.sum += ratio
	t.sq += ratio * ratio
	t.base += base
}

func (t tally) less(o tally) tally {
	return tally{t.n - o.n, t.sum - o.sum, t.sq - o.sq, t.base - o.base}
}

// off is how many times the baseline latency is, at so many standard errors off.
func (t tally) off(errs float64) float64 {
	mean := t.sum / t.n
	spread := max(math.Sqrt(max(0, t.sq/t.n-mean*mean)), spreadLeast)
	return math.Exp(mean + errs*spread/math.Sqrt(t.n))
}

// wait is by how many ns latency is above the baseline, at so many standard errors off.
func (t tally) wait(errs float64) float64 { return math.Exp(t.base/t.n) * (t.off(errs) - 1) }

// enter counts one of a class that is admitted.
func (a *apart) enter(class int) {
	if class >= len(a.class) {
		a.class = append(a.class, make([]record, class+1-len(a.class))...)
	}
	r := &a.class[class]
	if !r.seen {
		r.seen = true
		a.known++
	}
	r.held++
}

// leave counts one of a class that gave its permit back.
func (a *apart) leave(class int) { a.class[class].held-- }

// note takes a sample: a latency in ns, and its logarithm over the baseline.
func (a *apart) note(now int64, g *group, w *Waiter, latency, ratio float64) {
	r := &a.class[w.Class]
	base := g.ctl.base.class[w.Class].log
	if g.id != 0 { // its baseline may have moved meanwhile: compare with the old one
		ratio += base - g.alone.base
		g.alone.last = now
	}
	if r.own.n == 0 {
		r.begun, r.before = now, a.rest
	}
	r.own.add(ratio, base)
	r.latency += latency
	r.occ += float64(w.occupancy)
	if w.waited {
		r.full++
	}
	if g.id == 0 && r.hot == 0 {
		a.rest.add(ratio, base)
	}
	r.last, r.then, r.suspect = now, a.rest, 0
}

// due says whether a class's window is long enough to be looked at.
func (a *apart) due(now int64, class int) bool {
	r := &a.class[class]
	return r.own.n >= windowSamples && now-r.begun >= windowLeast
}

// restart begins a new window.
func (r *record) restart() {
	r.own, r.latency, r.occ, r.full = tally{}, 0, 0, 0
}

// review looks at a class's window, and takes the class apart or joins it
// again if it shows that.
func (l *Limiter) review(now int64, class int) {
	if l.off("apart") {
		return
	}
	r, g := &l.apart.class[class], l.of[class]
	if g.id != 0 {
		l.reviewApart(now, g, r)
	} else {
		l.reviewCommon(now, class, r)
	}
	l.joinUnused(now)
	l.reviewSilent(now)
}

func (l *Limiter) reviewCommon(now int64, class int, r *record) {
	others := l.apart.rest.less(r.before)
	if r.hot == 0 {
		others = others.less(r.own)
	}
	tolerable := tolerated(r.occ / r.own.n)
	slow := r.own.off(-apartDoubt) > certain*tolerable
	if !slow && r.own.off(0) < tolerable {
		span := float64(max(now-r.begun, 1))
		if r.usual == 0 {
			r.usual = r.latency / span
		}
		r.usual += (r.latency/span - r.usual) * usualWeight // Little's law
	}
	if others.n < windowSamples {
		if r.own.n >= apartStale*windowSamples {
			r.hot = 0
			r.restart()
		}
		return
	}
	if !slow || others.off(0) > tolerable || others.wait(restDoubt) > restWait*r.own.wait(-apartDoubt) {
		r.hot = 0
		r.restart()
		return
	}
	r.hot++
	why := fmt.Sprintf("it takes %.1f times its baseline, the others %.2f times theirs", r.own.off(0), others.off(0))
	r.restart()
	if r.hot >= apartTwice {
		l.part(now, class, why)
	}
}

// reviewSilent looks for classes that hang.
func (l *Limiter) reviewSilent(now int64) {
	if l.apart.known < 2 || l.off("apart") {
		return
	}
	for class := range l.apart.class {
		r := &l.apart.class[class]
		if r.held < silentLeast || l.of[class].id != 0 {
			continue
		}
		others := l.apart.rest.less(r.then)
		usual := l.ctl.base.expect(class)
		if usual == 0 || others.n < windowSamples || others.off(0) > tolerated(float64(l.held())) ||
			float64(now-r.last) < max(float64(windowLeast), silentFactor*usual) {
			continue
		}
		switch {
		case r.suspect == 0:
			r.suspect = now
		case now-r.suspect >= windowLeast:
			l.part(now, class, fmt.Sprintf("nothing of it has come back for %v, with %d inflight",
				time.Duration(now-r.last).Round(time.Millisecond), r.held))
		}
	}
}

// part takes a class apart.
func (l *Limiter) part(now int64, class int, why string) {
	a := &l.apart
	if a.n == mostApart || l.ctl.boot {
		return
	}
	r, c := &a.class[class], &l.ctl
	took := max(min(r.usual*apartSpare, c.limit*apartMost), 1)
	a.ids++
	g := &group{id: a.ids, tuneBy: class}
	g.alone = alone{class: class, base: c.base.class[class].log, why: why, since: now, last: now}
	most := max(took, c.max/apartShare)
	g.ctl = newController(took, min(c.min, took), most)
	g.ctl.off, g.ctl.fit.off, g.ctl.ended, g.ctl.usual = c.off, c.off, c.ended, c.usual
	g.ctl.base, g.ctl.spread, g.ctl.noise, g.ctl.good = c.base, c.spread, c.noise, r.last
	g.ctl.boot = false
	g.ctl.base.since, g.ctl.before, g.ctl.tried = 0, took, true
	g.ctl.fit.trusted, g.ctl.fit.width = true, took
	g.ctl.move(now, took, "apart", why)
	a.groups[a.n] = g
	a.n++
	l.regroup(class, &l.group, g)
	// What was measured in common says nothing of the others.
	c.fit.n, c.late, c.lates, c.doubts = 0, 0, 0, 0
	c.known = known{}
	before, bound := c.limit, c.max
	c.max = max(c.max-most, c.min) // so both together stay within the bound
	g.alone.most = bound - c.max
	c.move(now, c.limit-took, "apart", fmt.Sprintf("class %d is limited alone: %s", class, why))
	g.alone.took = before - c.limit
}

// regroup moves a class, with all that is inflight, abandoned or waits.
func (l *Limiter) regroup(class int, from, to *group) {
	r := &l.apart.class[class]
	from.inflight -= r.held
	to.inflight += r.held
	from.left.move(&to.left, class)
	from.queue.move(&to.queue, class)
	l.of[class] = to
	r.hot, r.suspect = 0, 0
	r.restart()
}

func (l *Limiter) reviewApart(now int64, g *group, r *record) {
	x := &g.alone
	quick, n, full := r.own.off(0) < certain, r.own.n, float64(r.full)
	r.restart()
	if !quick {
		x.calm, x.calms, x.n, x.full = 0, 0, 0, 0
		return
	}
	if x.calms++; x.calm == 0 {
		x.calm = now
	}
	x.n += n
	x.full += full
	if x.calms < joinWindows || now-x.calm < joinAfter {
		return
	}
	if x.full < joinFull*x.n {
		l.join(now, g, "it is as quick as before")
		return
	}
	x.calm, x.calms, x.n, x.full = 0, 0, 0, 0 // its limit made it quick, and is about to rise
}

// joinUnused joins classes that nobody has asked for in a long time.
func (l *Limiter) joinUnused(now int64) {
	for i := l.apart.n - 1; i >= 0; i-- {
		g := l.apart.groups[i]
		if g.held() == 0 && g.queue.n == 0 && now-g.alone.last >= joinUnused {
			l.join(now, g, "nobody asks for it any more")
		}
	}
}

// join gives a class and what it took back to the others.
func (l *Limiter) join(now int64, g *group, why string) {
	a, c := &l.apart, &l.ctl
	l.regroup(g.alone.class, g, &l.group)
	for i := range a.n {
		if a.groups[i] == g {
			a.n--
			a.groups[i], a.groups[a.n] = a.groups[a.n], nil
			break
		}
	}
	c.fit.n, c.doubts = 0, 0
	c.known = known{}
	c.max += g.alone.most
	c.move(now, c.limit+min(g.ctl.limit, g.alone.took), "apart", fmt.Sprintf("class %d is back: %s", g.alone.class, why))
}

// Apart is a class that is limited alone, because it is slow alone.
type Apart struct {
	// Class is the one of its waiters.
	Class int `json:"class"`
	// Limit is the number of its requests that may be inflight, Inflight how many are.
	Limit    float64 `json:"limit"`
	Inflight int     `json:"inflight"`
	// Queued counts those that wait.
	Queued int `json:"queued"`
	// Rule is the one that moved this limit last, Why in words.
	Rule string `json:"rule"`
	Why  string `json:"why"`
	// Reason says why the class was taken apart, Since how long ago.
	Reason string        `json:"reason"`
	Since  time.Duration `json:"sinceNanoseconds"`
}

// tellApart adds what is apart to a snapshot.
func (l *Limiter) tellApart(now int64, s *Status) {
	for _, g := range l.apart.groups[:l.apart.n] {
		s.Inflight += g.inflight
		s.Abandoned += g.left.n
		s.Standing = s.Standing || g.queue.standing
		s.Wait = max(s.Wait, time.Duration(g.queue.longest(now)))
		s.Apart = append(s.Apart, Apart{
			Class: g.alone.class, Limit: g.ctl.limit, Inflight: g.inflight, Queued: g.queue.n,
			Rule: g.ctl.moved.rule, Why: g.ctl.moved.why, Reason: g.alone.why, Since: time.Duration(now - g.alone.since),
		})
	}
}
