package storm

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a detector works. The zero value is useful.
type Config struct {
	// Percent is how many retries are admitted while the service is congested, in
	// percent of recent useful completions. Default: 10.
	Percent float64
	// MaxReturn is the farthest return slot promised, 120 s at most. Default: 30 s.
	MaxReturn time.Duration
	// Observe says to detect and report only: nothing is refused, nobody is told anything.
	Observe bool
	// Off names rules that are switched off, to show what each is worth.
	Off []string
}

const (
	defaultPercent   = 10
	defaultMaxReturn = 30 * time.Second
)

// Detector watches the retries that clients make of requests to one service.
// It is safe for concurrent use.
//
// While nothing fails, a request costs a few atomic additions: arrivals and
// outcomes are counted in stripes, and only fingerprints that repeat leave a
// trace. Four times a second, whoever comes first adds the stripes up and
// judges the state. Locks are taken only where something has failed lately.
type Detector struct {
	cfg   Config
	rules rules
	epoch time.Time

	due   atomic.Int64  // when the current slot of time ends
	state atomic.Uint32 // a State
	bound atomic.Uint32 // a bound: which retries need a part of the budget
	ease  atomic.Int32  // how often those that may be none have become half as dear
	spare atomic.Uint64 // a relief: which priorities' retries need less of it, or none
	back  atomic.Int64  // until when promised returns may be claimed

	counts    counts
	rhythms   rhythms
	memory    memory
	patiences patiences
	usual     usual

	mu       sync.Mutex // of what follows, and of the counts' sums
	judge    judge
	pressure pressure
	budget   budget
	returns  returns
	answered float64 // usefully, in the last second
}

// rules are those that can be switched off.
type rules struct {
	inferred, rhythm, cost, fair, ramp, kept, slots, patience bool
}

// New makes a detector at now.
func New(cfg Config, now time.Time) *Detector {
	if cfg.Percent <= 0 || math.IsNaN(cfg.Percent) {
		cfg.Percent = defaultPercent
	}
	cfg.Percent = min(cfg.Percent, 100)
	if cfg.MaxReturn <= 0 {
		cfg.MaxReturn = defaultMaxReturn
	}
	cfg.MaxReturn = min(max(cfg.MaxReturn, time.Second), farthest)
	on := func(rule string) bool { return !slices.Contains(cfg.Off, rule) }
	d := &Detector{
		cfg: cfg, epoch: now, judge: newJudge(),
		rules: rules{
			inferred: on("inferred"), rhythm: on("rhythm"), cost: on("cost"), fair: on("fair"),
			ramp: on("ramp"), kept: on("kept"), slots: on("slots"), patience: on("patience"),
		},
	}
	d.counts.few = fewer()
	d.returns.reach = int64(cfg.MaxReturn / time.Second)
	d.due.Store(slotSpan)
	return d
}

func (d *Detector) at(t time.Time) int64 { return max(0, int64(t.Sub(d.epoch))) }

// Arrive counts a request that came at now, and sets its Attempt and Kept.
func (d *Detector) Arrive(now time.Time, r *Request) {
	t := d.at(now)
	if t >= d.due.Load() {
		d.roll(t)
	}
	r.since, r.due, r.paid, r.open, r.inferred, r.early, r.refused, r.belief = t, 0, 0, true, false, false, false, certain
	r.Attempt, r.Kept, r.Doubted = 1, false, false
	s := d.counts.of(r)
	s.count(r.Class, arrived)
	if r.Client != 0 {
		s.client[clientSlot(r.Client)][0].Add(1)
	}
	if r.Print != 0 && d.rules.inferred {
		if t <= d.memory.until.Load() {
			if was := d.recall(t, r); r.Says > 1 || was.attempt > 1 {
				d.retried(t, r, s, was)
			}
			return
		}
		d.beat(t, r) // nothing is remembered
	}
	if r.Says > 1 {
		d.retried(t, r, s, recalled{attempt: 1})
	}
}

// retried takes note of a retry.
func (d *Detector) retried(t int64, r *Request, s *stripe, was recalled) {
	// A request that says less than is known doesn't get away with it.
	r.Attempt = min(max(r.Says, was.attempt), mostAttempt)
	if r.Says > 1 {
		s.count(r.Class, said)
		if r.Print != 0 && !was.known {
			s.count(r.Class, orphans)
		}
	} else {
		r.inferred = true
		s.count(r.Class, inferred)
		r.belief = was.belief
		r.Doubted = was.belief == doubted && bound(d.bound.Load()) == boundNone
	}
	if r.Client != 0 {
		s.client[clientSlot(r.Client)][1].Add(1)
	}
	if r.Print == 0 || t > d.back.Load() || !d.rules.kept {
		return
	}
	d.mu.Lock()
	var unpaid bool
	if r.Kept, unpaid = d.returns.keep(t, r.claimed()); unpaid {
		d.budget.owe(1)
	}
	d.mu.Unlock()
	if r.Kept {
		s.count(r.Class, kept)
	}
	r.early = !r.Kept && t < was.due-keepEarly
}

// Admit says whether a request may go on. First attempts always may, retries
// always while the service isn't congested; then they need a part of the
// budget, but for those that come back when they were told to: theirs is set
// aside. A request that may not go on is to be shed.
func (d *Detector) Admit(now time.Time, r *Request) bool {
	if r.Attempt <= 1 || d.cfg.Observe {
		return true
	}
	if !d.bounds(r) {
		return true
	}
	cost := price(r.Attempt)
	if !d.rules.cost {
		cost = 2
	}
	if r.belief == alike {
		cost /= float64(int(1) << d.ease.Load())
	}
	cost /= float64(int(1) << relief(d.spare.Load()).of(r.Priority))
	if r.early {
		cost *= 2
	}
	if r.Kept {
		r.paid = 2
		return true
	}
	d.mu.Lock()
	cost = d.budget.affordable(cost)
	ok := d.budget.take(cost, d.sharing(r))
	d.mu.Unlock()
	if ok {
		r.paid = cost
		return true
	}
	r.refused = true
	k := refusedSaid
	if r.inferred {
		k = refusedInferred
	}
	d.counts.of(r).count(r.Class, k)
	return false
}

// sharing is the client whose share of what there is for all counts; 0: nobody's.
func (d *Detector) sharing(r *Request) uint64 {
	if !d.rules.fair {
		return 0
	}
	return r.Client
}

// bounds says whether a retry needs a part of the budget.
func (d *Detector) bounds(r *Request) bool {
	if r.belief == alike && d.ease.Load() >= easeMost {
		return false
	}
	return bound(d.bound.Load()).holds(r.belief) && relief(d.spare.Load()).of(r.Priority) < easeMost
}

// End says what came of a request. It is called once for each Arrive; further
// calls do nothing.
func (d *Detector) End(now time.Time, r *Request, o Outcome) {
	if !r.open {
		return
	}
	r.open = false
	t := d.at(now)
	if t >= d.due.Load() {
		d.roll(t)
	}
	s := d.counts.of(r)
	waited := true
	switch o {
	case Useful:
		s.useful(r.Class, t-r.since)
		if r.Print != 0 && t <= d.memory.until.Load() {
			d.forget(t, r)
		}
		if t <= d.patiences.until.Load() {
			d.patiences.answered(t, r)
		}
		return
	case Failed:
		s.count(r.Class, failed)
	case Abandoned:
		s.count(r.Class, abandoned)
		if waited = d.usual.late(r.Class, t-r.since); waited {
			s.count(r.Class, late)
			if d.rules.patience {
				d.patiences.left(t, r)
			}
		}
	case Shed:
		if !r.refused {
			s.count(r.Class, shed)
			if r.Attempt <= 1 {
				s.first[min(r.Priority, priorities-1)].Add(1)
			}
		}
		if r.paid > 0 {
			d.mu.Lock()
			d.budget.refund(r.paid, r.Client)
			d.mu.Unlock()
		}
	default:
		return
	}
	if r.Print != 0 && d.rules.inferred {
		d.remember(t, r, o == Abandoned, waited)
	}
}

// Answer is what a refused request should be told: to stop while there is a
// storm, else to return, as long as there are slots. It reserves the slot; call
// it before End. Where the detector only observes it is Plain.
func (d *Detector) Answer(now time.Time, r *Request) Answer {
	if d.State() == Storm || !d.rules.slots {
		return d.AnswerStopOnly(now, r)
	}
	return d.AnswerReturn(now, r)
}

// AnswerReturn is Answer for clients that can be told when to return but not to
// stop: even in a storm they are told to return, as long as there are slots.
func (d *Detector) AnswerReturn(now time.Time, r *Request) Answer {
	if d.cfg.Observe {
		return Answer{}
	}
	t := d.at(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pass(t)
	after, ok := d.returns.promise(t, d.forecast(), r.claimed(), d.sharing(r))
	if !ok {
		return Answer{Kind: Stop}
	}
	r.due = t + after*int64(time.Second)
	if until := r.due + int64(time.Second) + keepLate; until > d.back.Load() {
		d.back.Store(until)
	}
	return Answer{Kind: Return, After: time.Duration(after) * time.Second}
}

// AnswerStopOnly is Answer for those who can't be told when to return: no slot
// is reserved for them.
func (d *Detector) AnswerStopOnly(time.Time, *Request) Answer {
	if d.cfg.Observe {
		return Answer{}
	}
	return Answer{Kind: Stop}
}

// Patience is how long r's client waits, counted from the request's arrival,
// before it gives up, if that is known: it has left others of the class at that
// age in eight different seconds in a row, the last time within 5 s, and has
// taken no answer later than that since; and that age is far beyond what
// answers usually take. Call it after Arrive. It is no reason to refuse what
// can be begun at once.
func (d *Detector) Patience(r *Request) (time.Duration, bool) { return d.patiences.of(r) }

// State is the current state: one atomic load.
func (d *Detector) State() State { return State(d.state.Load()) }

// Tick lets time pass when no requests come. Call it about once a second, and
// before State is shown to anyone.
func (d *Detector) Tick(now time.Time) {
	if t := d.at(now); t >= d.due.Load() {
		d.roll(t)
	}
}
