package storm

import (
	"math"
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
type Detector struct {
	cfg   Config
	off   map[string]bool
	epoch time.Time

	due   atomic.Int64  // when the current slot of time ends
	state atomic.Uint32 // a State
	bound atomic.Bool   // retries are bounded by the budget

	counts  counts
	mu      sync.Mutex
	judge   judge
	budget  budget
	returns returns
}

// New makes a detector at now.
func New(cfg Config, now time.Time) *Detector {
	if cfg.Percent <= 0 || math.IsNaN(cfg.Percent) {
		cfg.Percent = defaultPercent
	}
	if cfg.MaxReturn <= 0 {
		cfg.MaxReturn = defaultMaxReturn
	}
	cfg.MaxReturn = min(max(cfg.MaxReturn, time.Second), farthest)
	d := &Detector{cfg: cfg, epoch: now, judge: newJudge(), off: map[string]bool{}}
	for _, rule := range cfg.Off {
		d.off[rule] = true
	}
	d.budget.percent = cfg.Percent
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
	r.since, r.paid, r.open, r.inferred, r.refused = t, 0, true, false, false
	r.Kept = false
	r.Attempt = max(1, r.Says)
	s := d.counts.of(r)
	s.count(r.Class, arrived)
	if r.Client != 0 {
		s.client[clientSlot(r.Client)][0].Add(1)
	}
	if r.Attempt > 1 {
		s.count(r.Class, said)
		if r.Client != 0 {
			s.client[clientSlot(r.Client)][1].Add(1)
		}
	}
}

// Admit says whether a request may go on. First attempts always may, retries
// always while the service isn't congested; then they need a part of the
// budget. A request that may not is to be shed.
func (d *Detector) Admit(now time.Time, r *Request) bool {
	if r.Attempt <= 1 || !d.bound.Load() || d.cfg.Observe {
		return true
	}
	if r.Kept {
		return true
	}
	d.mu.Lock()
	paid, ok := d.budget.take(r.Attempt, r.Client)
	d.mu.Unlock()
	r.paid = paid
	if !ok {
		r.refused = true
		k := refusedSaid
		if r.inferred {
			k = refusedInferred
		}
		d.counts.of(r).count(r.Class, k)
	}
	return ok
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
	switch o {
	case Useful:
		s.count(r.Class, useful)
	case Failed:
		s.count(r.Class, failed)
	case Abandoned:
		s.count(r.Class, abandoned)
	case Shed:
		if !r.refused {
			s.count(r.Class, shed)
		}
		if r.paid > 0 {
			d.mu.Lock()
			d.budget.refund(r.paid, r.Client)
			d.mu.Unlock()
			r.paid = 0
		}
	}
}

// Answer is what a refused request should be told, and reserves the slot if
// that is to return; call it before End. It is Plain where the detector only
// observes.
func (d *Detector) Answer(now time.Time, r *Request) Answer {
	switch {
	case d.cfg.Observe:
		return Answer{}
	case d.State() == Storm:
		return Answer{Kind: Stop}
	}
	return d.slot(now, r)
}

// AnswerReturn is Answer for those who come back whatever they are told, but
// not before the time that they are told: they are given a slot, if there is
// one, in a storm too.
func (d *Detector) AnswerReturn(now time.Time, r *Request) Answer {
	if d.cfg.Observe {
		return Answer{}
	}
	return d.slot(now, r)
}

// slot reserves a slot for r, if there is one.
func (d *Detector) slot(now time.Time, r *Request) Answer {
	t := d.at(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	after, ok := d.returns.promise(t, d.forecast(), r.Print)
	if !ok {
		return Answer{Kind: Stop}
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

// forecast is how many retries can be admitted in a second.
func (d *Detector) forecast() float64 { return d.cfg.Percent / 100 * d.budget.rate }

// Patience is how long r's client waits, counted from the request's arrival,
// before it gives up, if that is known.
func (d *Detector) Patience(*Request) (time.Duration, bool) { return 0, false }

// State is the current state.
func (d *Detector) State() State { return State(d.state.Load()) }

// Tick lets time pass when no requests come.
func (d *Detector) Tick(now time.Time) {
	if t := d.at(now); t >= d.due.Load() {
		d.roll(t)
	}
}

// roll ends a slot of time, and judges.
func (d *Detector) roll(now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pass(now)
}

func (d *Detector) pass(now int64) {
	if now < d.due.Load() {
		return // another was quicker
	}
	began := d.counts.slot * slotSpan
	ended := d.counts.roll(now)
	passed := d.counts.slot*slotSpan - began
	seconds := float64(passed) / float64(time.Second)
	keep := math.Exp2(-float64(passed) / rateHalf)
	d.budget.rate = d.budget.rate*keep + ended[useful]/seconds*(1-keep)
	second, longer := d.counts.last(inSecond), d.counts.last(5*inSecond)
	d.judge.look(now, passed, &second, &longer)
	d.budget.earn(ended[useful], seconds, d.judge.share(d.cfg.Percent), 0)
	d.returns.pass(now)
	d.state.Store(uint32(d.judge.state))
	d.bound.Store(d.judge.bound(now))
	d.due.Store((d.counts.slot + 1) * slotSpan)
}
