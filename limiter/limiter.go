package limiter

import (
	"math"
	"sync"
	"time"
)

// Config says how a limiter works. The zero value is the adaptive limit with
// its defaults.
type Config struct {
	// Fixed, above 0, is a limit that never moves.
	Fixed float64
	// Min and Max bound the adaptive limit. Default: 1 and 10,000.
	Min, Max float64
	// Initial is the limit before anything is known. Default: 16.
	Initial float64
	// Queue is how many requests may wait. 0: as many as the limit, at least 48. Negative: none.
	Queue int
	// QueueBytes is how much memory those that wait may hold. Default: 64 MiB.
	QueueBytes int
	// State is what another limiter has learned of the same service. Default: none.
	State *State
	// Off names rules that are switched off, to show what each is worth.
	Off []string
}

const (
	defaultMin, defaultMax, defaultInitial = 1, 10_000, 16
	defaultQueueBytes                      = 64 << 20
	queueLeast                             = 48
	queueUntried                           = 1024 // while the limit is untried
	untriedWait                            = int64(time.Second)
	burstWait                              = int64(time.Second) // for as long, a queue may be a burst's
	tryAgain                               = int64(time.Second) // after which a baseline may be wrong
)

// Limiter bounds what is inflight at one service. It is safe for concurrent use.
type Limiter struct {
	cfg   Config
	epoch time.Time

	mu    sync.Mutex
	group                    // the common one
	of    [MaxClasses]*group // by class
	fair  fairness
	apart apart
	count counts
}

// New makes a limiter at now.
func New(cfg Config, now time.Time) *Limiter {
	if cfg.Min <= 0 {
		cfg.Min = defaultMin
	}
	if cfg.Max <= 0 {
		cfg.Max = defaultMax
	}
	if cfg.Initial <= 0 {
		cfg.Initial = defaultInitial
	}
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = defaultQueueBytes
	}
	l := &Limiter{cfg: cfg, epoch: now}
	l.ctl = newController(min(max(cfg.Initial, cfg.Min), cfg.Max), cfg.Min, cfg.Max)
	if cfg.Fixed > 0 {
		l.ctl.limit = cfg.Fixed
	}
	if len(cfg.Off) > 0 {
		l.ctl.off = map[string]bool{}
		l.ctl.fit.off = l.ctl.off
		for _, rule := range cfg.Off {
			l.ctl.off[rule] = true
		}
	}
	if cfg.State != nil && cfg.Fixed <= 0 {
		l.ctl.restore(cfg.State)
	}
	l.ctl.win.reset(0)
	for class := range l.of {
		l.of[class] = &l.group
	}
	return l
}

func (l *Limiter) at(t time.Time) int64 { return int64(t.Sub(l.epoch)) }

// Acquire asks for a permit for w at now. Admitted: End gives it back. Queued:
// w's Notify hears more. Shed: w.Reason says why.
func (l *Limiter) Acquire(now time.Time, w *Waiter) Verdict {
	t := l.begin(now, w)
	l.mu.Lock()
	g := l.of[w.Class]
	l.bury(t, g, 0)
	if g.free() {
		if !l.inTime(t, w) {
			l.shed(t, w, Deadline)
			l.mu.Unlock()
			return Shed
		}
		l.admit(t, g, w)
		l.mu.Unlock()
		return Admitted
	}
	l.hurry(w)
	var out notices
	verdict := l.enqueue(t, g, w, &out)
	l.grant(t, g, &out)
	l.mu.Unlock()
	out.send()
	return verdict
}

// begin prepares w, and returns now as the limiter has it.
func (l *Limiter) begin(now time.Time, w *Waiter) int64 {
	w.deadline = math.MaxInt64
	if !w.Deadline.IsZero() {
		w.deadline = l.at(w.Deadline)
	}
	w.Reason, w.Crowded, w.since, w.waited, w.Latency = NotShed, false, l.at(now), false, 0
	return w.since
}

// hurry is for when there is no room: it makes the time at which w's client leaves its deadline, if that is
// earlier, as no place in the queue is kept for whom nobody waits.
func (l *Limiter) hurry(w *Waiter) {
	w.Crowded = true
	if !w.Leaves.IsZero() {
		w.deadline = min(w.deadline, l.at(w.Leaves))
	}
}

// inTime says whether w can still be answered before its deadline. Where
// nothing is inflight, and the baseline rests on little or nothing has come
// back for a while, it may try: if all were refused that a baseline says can't
// be in time, nobody would ever learn that it is wrong.
func (l *Limiter) inTime(now int64, w *Waiter) bool {
	if w.deadline == math.MaxInt64 {
		return true
	}
	g := l.of[w.Class]
	b := &g.ctl.base
	if g.inflight == 0 && (b.class[w.Class].samples < windowSamples || now-g.ctl.ended > tryAgain) {
		return now < w.deadline
	}
	return now+int64(b.expect(w.Class)) <= w.deadline
}

func (l *Limiter) admit(now int64, g *group, w *Waiter) {
	g.inflight++
	l.apart.enter(w.Class)
	l.count.admit(now)
	l.fair.begin(w.Client)
	w.state, w.in, w.since, w.step, w.cohort = admitted, g.id, now, g.ctl.step, g.ctl.win.enter(now)
	w.occupancy = float32(g.held())
	w.light = g.queue.n == 0 && g.held() <= max(1, g.room()/2)
	g.ctl.observe(now, float64(g.held()))
	if l.cfg.Fixed <= 0 && !g.ctl.win.closed {
		g.ctl.close(now)
	}
}

func (l *Limiter) shed(now int64, w *Waiter, why Reason) {
	w.state, w.Reason = outside, why
	l.count.shed(now, w, why)
}

// Refuse sheds w if Acquire would, and otherwise does nothing: for callers to
// whom a refusal comes cheaper as long as nothing else is on the way. It
// reports whether w was shed.
func (l *Limiter) Refuse(now time.Time, w *Waiter) bool {
	l.begin(now, w)
	l.mu.Lock()
	defer l.mu.Unlock()
	g, why := l.of[w.Class], NotShed
	if !l.inTime(w.since, w) {
		why = Deadline
	} else if l.bury(w.since, g, 0); !g.free() {
		l.hurry(w)
		var victim *Waiter
		if !l.inTime(w.since, w) {
			why = Deadline
		} else if why, victim = l.crowded(g, w, l.lane(w)); victim != nil {
			why = NotShed
		}
	}
	if why == NotShed {
		return false
	}
	l.shed(w.since, w, why)
	return true
}

// Refused counts w as shed, for a reason that was found outside, so that all
// sheds are counted in one place.
func (l *Limiter) Refused(now time.Time, w *Waiter, why Reason) {
	t := l.begin(now, w)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shed(t, w, why)
}

// lane is where w would wait.
func (l *Limiter) lane(w *Waiter) int {
	switch {
	case l.fair.heavy(w.Client):
		return laneHeavy
	case w.Attempt > 1:
		return laneRetry
	}
	return laneFirst
}

// crowded says why one of those who wait, or w, has to go if w is to wait in a
// lane, and which of them; nil is w itself.
func (l *Limiter) crowded(g *group, w *Waiter, lane int) (why Reason, victim *Waiter) {
	most := l.share(g, l.cfg.Queue)
	if l.cfg.Queue == 0 {
		most = max(queueLeast, g.room())
		if l.untried(g) {
			most = max(queueUntried, g.room())
		}
	}
	switch {
	case g.queue.n >= most:
		why = QueueFull
	case g.queue.bytes+w.Size > l.share(g, l.cfg.QueueBytes):
		why = QueueBytes
	default:
		return NotShed, nil
	}
	if v := g.queue.victim(w, lane); v != nil {
		return why, v
	}
	if newest := g.queue.newest(w, lane); newest != nil && l.fair.heavier(newest.Client, w.Client) {
		return Unfair, newest
	}
	stale := g.queue.stale(w, lane)
	if stale != nil && g.queue.bytes-stale.Size+w.Size > l.share(g, l.cfg.QueueBytes) {
		stale = nil
	}
	if lane == laneHeavy {
		why = Unfair
	}
	return why, stale
}

// untried says that the limit isn't known to be the service's: it is a first
// guess, or the load has never asked for more. That is no reason to refuse
// anyone in a hurry: within a second it is known.
func (l *Limiter) untried(g *group) bool {
	return l.cfg.Fixed <= 0 && !g.ctl.tried && !l.off("patience")
}

// patience is how long a request may wait that would otherwise be overdue.
//
// A queue that hasn't stood for a second may be a burst, or the service or this
// machine stood still for a moment: then it drains again, and whom it refused
// was refused for nothing. If it is an overload, waiting costs little: the
// newest go first by then, the oldest give way to them, and those whose clients
// leave are never sent.
func (l *Limiter) patience(now int64, g *group) int64 {
	switch {
	case l.cfg.Fixed > 0 || l.off("patience"):
		return 0
	case l.untried(g):
		return untriedWait
	case g.queue.above == 0 || now-g.queue.above < burstWait:
		return burstWait
	}
	return 0
}

// enqueue lets w wait, if it may.
func (l *Limiter) enqueue(now int64, g *group, w *Waiter, out *notices) Verdict {
	if !l.inTime(now, w) {
		l.shed(now, w, Deadline)
		return Shed
	}
	lane := l.lane(w)
	if why, v := l.crowded(g, w, lane); v != nil {
		l.leave(now, v)
		l.shed(now, v, why)
		out.add(v, Shed)
	} else if why != NotShed {
		l.shed(now, w, why)
		return Shed
	}
	g.queue.push(w, lane)
	l.fair.begin(w.Client)
	return Queued
}

// grant gives free permits to those who wait, and sheds whom nobody waits for
// any more.
func (l *Limiter) grant(now int64, g *group, out *notices) {
	if g.queue.n > 0 && !g.tuned {
		l.tune(g)
	}
	patience := l.patience(now, g)
	for w := g.queue.overdue(now, patience); w != nil; w = g.queue.overdue(now, patience) {
		l.leave(now, w)
		l.shed(now, w, Overload)
		out.add(w, Shed)
	}
	for g.held() < g.room() {
		w := g.queue.pop(now)
		if w == nil {
			return
		}
		l.fair.end(w.Client)
		l.count.waited(now - w.since)
		if !l.inTime(now, w) {
			l.shed(now, w, Deadline)
			out.add(w, Shed)
			continue
		}
		w.waited = true
		l.admit(now, g, w)
		out.add(w, Admitted)
	}
}

// Cancel takes a waiting request out: its client has left, or its deadline is
// over, which counts as shed. It reports whether it was still waiting; if not,
// its Notify has been or is being called.
func (l *Limiter) Cancel(now time.Time, w *Waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.state != waiting {
		return false
	}
	t := l.at(now)
	l.leave(t, w)
	if t >= w.deadline { // nobody left: the time was over
		l.shed(t, w, Deadline)
	} else {
		l.count.cancelled++
	}
	return true
}

// leave takes a waiting request out.
func (l *Limiter) leave(now int64, w *Waiter) {
	l.of[w.Class].queue.remove(w)
	l.count.waited(now - w.since)
	l.fair.end(w.Client)
}

// End gives w's permit back at now. It panics if w holds none: a permit that
// ends twice would let one request too many in, for ever.
func (l *Limiter) End(now time.Time, w *Waiter, o Outcome) {
	t := l.at(now)
	l.mu.Lock()
	if w.state != admitted {
		l.mu.Unlock()
		panic("limiter: a permit ended twice, or was never given")
	}
	g := l.of[w.Class]
	w.state = outside
	g.inflight--
	l.apart.leave(w.Class)
	l.fair.end(w.Client)
	if o == Unused && t >= w.deadline { // admitted in vain, too late to be sent
		l.count.shed(t, w, Deadline)
	}
	if w.in != g.id { // the class was taken apart or joined meanwhile: it is in nobody's cohort
		w.cohort, w.light = 0, false
	}
	if o != Late && o != Unused {
		l.count.answer(t)
	}
	if o == Late && !l.off("abandon") {
		g.left.push(t, w, g.ctl.base.expect(w.Class))
	}
	if l.cfg.Fixed <= 0 {
		l.learn(t, g, w, o)
	}
	if o == Success {
		l.bury(t, g, w.since)
	}
	if l.cfg.Fixed <= 0 {
		g.ctl.look(t)
		g.tuned, g.tuneBy = false, w.Class
		if l.apart.due(t, w.Class) {
			l.review(t, w.Class)
		}
	}
	if l.apart.n == 0 && l.queue.n == 0 {
		l.queue.calm()
		l.mu.Unlock()
		return
	}
	var out notices
	l.grantAll(t, &out)
	l.mu.Unlock()
	out.send()
}

// learn tells the group's controller what came of a permit.
func (l *Limiter) learn(now int64, g *group, w *Waiter, o Outcome) {
	took := now - w.since
	if w.Latency > 0 {
		took = int64(w.Latency)
	}
	latency := float64(max(took, 1))
	if o != Unused {
		g.ctl.end(now, latency)
	}
	switch o {
	case Success:
		g.ctl.good = now
		l.sample(now, g, w, latency, false)
	case Ignored:
		l.sample(now, g, w, latency, true)
	case Late:
		g.ctl.lates++
		if l.off("abandon") {
			l.sample(now, g, w, latency, true)
		}
	case Dropped:
		g.ctl.drop(w)
	case Unused:
		g.ctl.back(w) // nothing was sent: nothing is learned
	}
}

// sample shows a latency to the controller, and to whoever watches the classes.
func (l *Limiter) sample(now int64, g *group, w *Waiter, latency float64, censored bool) {
	log, says := g.ctl.sample(now, w, latency, censored)
	if says && l.apart.known > 1 {
		l.apart.note(now, g, w, latency, log)
	}
}

// tune gives the queue its times.
func (l *Limiter) tune(g *group) {
	g.tuned = true
	limit := g.ctl.limit
	if l.off("bridge") {
		limit = math.Inf(1)
	}
	g.queue.tune(g.ctl.base.expect(g.tuneBy), limit)
}

// off says whether a rule is switched off.
func (l *Limiter) off(rule string) bool { return l.ctl.off[rule] }

// Tick lets time pass when nothing else happens, and returns when it wants to
// be called again; zero: not before something else happens.
func (l *Limiter) Tick(now time.Time) time.Time {
	t := l.at(now)
	l.mu.Lock()
	var out notices
	l.buryAll(t)
	if l.cfg.Fixed <= 0 {
		l.reviewSilent(t)
	}
	l.grantAll(t, &out)
	wait := l.queued() > 0
	l.mu.Unlock()
	out.send()
	if !wait {
		return time.Time{}
	}
	return now.Add(tickEvery)
}

const tickEvery = 10 * time.Millisecond

// Free is how many more requests would be admitted at once at now, for a choice
// among limiters: of the classes that aren't apart.
func (l *Limiter) Free(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Whoever is told that there is no room doesn't come to Acquire: nobody else
	// would ever find that the service is done with what was abandoned.
	l.bury(l.at(now), &l.group, 0)
	return max(0, l.room()-l.held()-l.queue.n)
}
