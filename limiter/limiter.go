package limiter

import (
	"maps"
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
	queueUntried                           = 1024               // while the limit is untried
	untriedWait                            = int64(time.Second) // at most
	tryAgain                               = int64(time.Second) // after which a baseline may be wrong
)

// Limiter bounds what is inflight at one service. It is safe for concurrent use.
type Limiter struct {
	cfg   Config
	epoch time.Time

	mu       sync.Mutex
	inflight int
	queue    queue
	fair     fairness
	left     abandoned
	ctl      controller
	count    counts
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
		l.ctl.fit.off, l.ctl.pauses.off = l.ctl.off, l.ctl.off
		for _, rule := range cfg.Off {
			l.ctl.off[rule] = true
		}
	}
	if cfg.State != nil && cfg.Fixed <= 0 {
		l.ctl.restore(cfg.State)
	}
	l.ctl.win.reset(0)
	l.tune(0)
	return l
}

func (l *Limiter) at(t time.Time) int64 { return int64(t.Sub(l.epoch)) }

// Acquire asks for a permit for w at now. Admitted: End gives it back. Queued:
// w's Notify hears more. Shed: w.Reason says why.
func (l *Limiter) Acquire(now time.Time, w *Waiter) Verdict {
	t := l.begin(now, w)
	l.mu.Lock()
	l.bury(t, 0)
	if l.queue.n == 0 && l.held() < l.room() {
		if !l.inTime(t, w) {
			l.shed(t, w, Deadline)
			l.mu.Unlock()
			return Shed
		}
		l.admit(t, w)
		l.mu.Unlock()
		return Admitted
	}
	var out notices
	verdict := l.enqueue(t, w, &out)
	l.grant(t, &out)
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
	w.Reason, w.since, w.waited, w.Latency = NotShed, l.at(now), false, 0
	return w.since
}

// room is the limit as a number of requests.
func (l *Limiter) room() int { return int(l.ctl.limit + 1e-9) }

// held is how many requests the service is at work on, as far as is known.
func (l *Limiter) held() int { return l.inflight + l.left.n }

// bury gives back the permits of abandoned requests with which the service is done.
func (l *Limiter) bury(now, since int64) {
	for {
		g, overtaken, ok := l.left.done(now, since)
		if !ok {
			return
		}
		if l.cfg.Fixed > 0 {
			continue
		}
		w := Waiter{Class: g.class, step: g.step, cohort: g.cohort, occupancy: g.occupancy, waited: g.waited, since: g.entered}
		done := now
		if !overtaken {
			done = min(now, g.until)
		}
		l.ctl.sample(now, &w, float64(max(done-g.since, 1)), !overtaken)
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
	b := &l.ctl.base
	if l.inflight == 0 && (b.class[w.Class].samples < windowSamples || now-l.ctl.pauses.lastEnd > tryAgain) {
		return now < w.deadline
	}
	return now+int64(b.expect(w.Class)) <= w.deadline
}

func (l *Limiter) admit(now int64, w *Waiter) {
	l.inflight++
	l.count.admit(now)
	l.fair.begin(w.Client)
	w.state, w.since, w.step, w.cohort = admitted, now, l.ctl.step, l.ctl.win.enter(now)
	w.occupancy = float32(l.held())
	w.light = l.queue.n == 0 && l.held() <= max(1, l.room()/2)
	l.ctl.observe(now, float64(l.held()))
	if l.cfg.Fixed <= 0 && !l.ctl.win.closed {
		l.ctl.close(now)
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
	why := NotShed
	if !l.inTime(w.since, w) {
		why = Deadline
	} else if l.bury(w.since, 0); l.queue.n > 0 || l.held() >= l.room() {
		var victim *Waiter
		if why, victim = l.crowded(w, l.lane(w)); victim != nil {
			why = NotShed
		}
	}
	if why == NotShed {
		return false
	}
	l.shed(w.since, w, why)
	return true
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
func (l *Limiter) crowded(w *Waiter, lane int) (why Reason, victim *Waiter) {
	most := l.cfg.Queue
	if most == 0 {
		most = max(queueLeast, l.room())
		if l.untried() {
			most = max(queueUntried, l.room())
		}
	}
	switch {
	case l.queue.n >= most:
		why = QueueFull
	case l.queue.bytes+w.Size > l.cfg.QueueBytes:
		why = QueueBytes
	default:
		return NotShed, nil
	}
	if v := l.queue.victim(w, lane); v != nil {
		return why, v
	}
	if newest := l.queue.newest(w, lane); newest != nil && l.fair.heavier(newest.Client, w.Client) {
		return Unfair, newest
	}
	if lane == laneHeavy {
		why = Unfair
	}
	return why, nil
}

// untried says that the limit isn't known to be the service's: it is a first
// guess, or the load has never asked for more. That is no reason to refuse
// anyone in a hurry: within a second it is known.
func (l *Limiter) untried() bool {
	return l.cfg.Fixed <= 0 && !l.ctl.tried && !l.off("patience")
}

// enqueue lets w wait, if it may.
func (l *Limiter) enqueue(now int64, w *Waiter, out *notices) Verdict {
	if !l.inTime(now, w) {
		l.shed(now, w, Deadline)
		return Shed
	}
	lane := l.lane(w)
	if why, v := l.crowded(w, lane); v != nil {
		l.leave(now, v)
		l.shed(now, v, why)
		out.add(v, Shed)
	} else if why != NotShed {
		l.shed(now, w, why)
		return Shed
	}
	l.queue.push(w, lane)
	l.fair.begin(w.Client)
	return Queued
}

// grant gives free permits to those who wait, and sheds whom nobody waits for
// any more.
func (l *Limiter) grant(now int64, out *notices) {
	patience := int64(0)
	if l.untried() {
		patience = min(untriedWait, max(l.queue.interval, int64(20*l.ctl.base.expect(0))))
	}
	for w := l.queue.overdue(now, patience); w != nil; w = l.queue.overdue(now, patience) {
		l.leave(now, w)
		l.shed(now, w, Overload)
		out.add(w, Shed)
	}
	for l.held() < l.room() {
		w := l.queue.pop(now)
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
		l.admit(now, w)
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
	l.queue.remove(w)
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
	w.state = outside
	l.inflight--
	l.fair.end(w.Client)
	if o == Unused && t >= w.deadline { // admitted in vain, too late to be sent
		l.count.shed(t, w, Deadline)
	}
	if o == Late && !l.off("abandon") {
		l.left.push(t, w, l.ctl.base.expect(w.Class))
	}
	if l.cfg.Fixed <= 0 {
		l.learn(t, w, o)
	}
	if o == Success {
		l.bury(t, w.since)
	}
	if l.cfg.Fixed <= 0 {
		l.ctl.look(t)
		l.tune(w.Class)
	}
	if l.queue.n == 0 {
		l.queue.calm()
		l.mu.Unlock()
		return
	}
	var out notices
	l.grant(t, &out)
	l.mu.Unlock()
	out.send()
}

// learn tells the controller what came of a permit.
func (l *Limiter) learn(now int64, w *Waiter, o Outcome) {
	latency := now - w.since
	if w.Latency > 0 {
		latency = int64(w.Latency)
	}
	if o != Unused {
		l.ctl.pauses.ended(now, l.held()+1, float64(latency))
	}
	switch o {
	case Success:
		l.ctl.good = now
		l.ctl.sample(now, w, float64(max(latency, 1)), false)
	case Ignored:
		l.ctl.sample(now, w, float64(max(latency, 1)), true)
	case Late:
		l.ctl.lates++
		if l.off("abandon") {
			l.ctl.sample(now, w, float64(max(latency, 1)), true)
		}
	case Dropped:
		l.ctl.drop(w)
	case Unused:
		l.ctl.unused(w)
	}
}

// tune gives the queue its times.
func (l *Limiter) tune(class int) {
	limit := l.ctl.limit
	if l.off("bridge") {
		limit = math.Inf(1)
	}
	l.queue.tune(l.ctl.base.expect(class), limit)
}

// off says whether a rule is switched off.
func (l *Limiter) off(rule string) bool { return l.ctl.off[rule] }

// Tick lets time pass when nothing else happens, and returns when it wants to
// be called again; zero: not before something else happens.
func (l *Limiter) Tick(now time.Time) time.Time {
	t := l.at(now)
	l.mu.Lock()
	var out notices
	l.bury(t, 0)
	l.grant(t, &out)
	wait := l.queue.n > 0
	l.mu.Unlock()
	out.send()
	if !wait {
		return time.Time{}
	}
	return now.Add(tickEvery)
}

const tickEvery = 10 * time.Millisecond

// notices are calls of Notify that are due once the lock is free.
type notices struct {
	few  [4]notice
	n    int
	more []notice
}

type notice struct {
	w *Waiter
	v Verdict
}

func (o *notices) add(w *Waiter, v Verdict) {
	if o.n < len(o.few) {
		o.few[o.n] = notice{w, v}
	} else {
		o.more = append(o.more, notice{w, v})
	}
	o.n++
}

func (o *notices) send() {
	for i := range min(o.n, len(o.few)) {
		o.few[i].w.Notify(o.few[i].w, o.few[i].v)
	}
	for _, m := range o.more {
		m.w.Notify(m.w, m.v)
	}
}

// Status is a snapshot of a limiter.
type Status struct {
	// Limit is the number of requests that may be inflight, Inflight how many
	// are. Abandoned are those that nobody waits for any more, but that the
	// service is believed to be at work on: they take room too.
	Limit     float64 `json:"limit"`
	Inflight  int     `json:"inflight"`
	Abandoned int     `json:"abandoned"`
	// Queued counts those that wait, Wait is how long the first of them has.
	Queued int           `json:"queued"`
	Wait   time.Duration `json:"waitNanoseconds"`
	// Standing says that the queue doesn't drain: the newest go first.
	Standing bool `json:"standing"`
	// Admitted counts permits given since the start, Cancelled those who left
	// while they waited for one.
	Admitted  uint64 `json:"admitted"`
	Cancelled uint64 `json:"cancelled"`
	// Waits tells how long requests have waited since the start.
	Waits Waits `json:"waits"`
	// Rule is the one that moved the limit last, From what it was before, Why in
	// words, Since when ago. An empty Rule: none has.
	Rule  string        `json:"rule,omitempty"`
	From  float64       `json:"from,omitempty"`
	Why   string        `json:"why,omitempty"`
	Since time.Duration `json:"sinceNanoseconds,omitempty"`
	// Moves counts, by rule, how often each has decided since the start.
	Moves map[string]uint64 `json:"moves,omitempty"`
	// Baselines are the classes' latencies without queueing; 0: unknown.
	Baselines []time.Duration `json:"baselinesNanoseconds,omitempty"`
	// Sheds counts refusals since the start, Recent tells of the last seconds.
	Sheds  []ShedCount `json:"sheds,omitempty"`
	Recent Recent      `json:"recent"`
}

// Status takes a snapshot at now.
func (l *Limiter) Status(now time.Time) Status {
	t := l.at(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Limit: l.ctl.limit, Inflight: l.inflight, Abandoned: l.left.n, Queued: l.queue.n, Standing: l.queue.standing, Admitted: l.count.admitted,
		Wait: time.Duration(l.queue.longest(t)), Cancelled: l.count.cancelled, Waits: l.count.waits,
		Rule: l.ctl.moved.rule, From: l.ctl.moved.from, Why: l.ctl.moved.why, Since: time.Duration(t - l.ctl.moved.at), Moves: maps.Clone(l.ctl.moved.counts),
		Sheds: l.count.list(&totals{}), Recent: l.count.recent(t),
	}
	for i := range l.ctl.base.class {
		if b := l.ctl.base.expect(i); b > 0 {
			for len(s.Baselines) < i {
				s.Baselines = append(s.Baselines, 0)
			}
			s.Baselines = append(s.Baselines, time.Duration(b))
		}
	}
	return s
}

// Free is how many more requests would be admitted at once, for a choice among limiters.
func (l *Limiter) Free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.room()-l.held()-l.queue.n)
}
