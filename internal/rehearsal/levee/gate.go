package levee

import (
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/limiter/storm"
)

// Config says how much of Levee stands there. The zero value is the limiter
// alone, as it is configured by default.
type Config struct {
	// Off names rules of the limiter that are switched off.
	Off []string
	// Heard lets the limiter know of attempts only what they say of
	// themselves, as a proxy without a detector does. Default: it knows the
	// number of each, which judges the limiter and not what is known.
	Heard bool
	// Storm configures a detector. Default: nil, none.
	Storm *storm.Config
	// Plain refuses with nothing that a client could honour.
	Plain bool
	// Watch is from when on [Gate.Trouble] looks for trouble.
	Watch time.Duration
}

// Gate stands between the simulator's contract and the limiter's and the
// detector's.
type Gate struct {
	w       *sim.World
	cfg     Config
	limiter *limiter.Limiter
	storm   *storm.Detector // nil: none
	epoch   time.Time
	now     time.Duration
	held    []*holder // by slot
	queued  int
	tickAt  time.Duration

	changes []Change
	trouble time.Duration // the first one; Never: none yet
}

// Change is when the detector's state became another.
type Change struct {
	At    time.Duration
	State storm.State
}

// holder is what is known of an attempt. It is used again with its slot.
type holder struct {
	limiter.Waiter
	request storm.Request
	attempt *sim.Attempt
}

// New makes a gate for a world.
func New(w *sim.World, cfg Config) *Gate {
	g := &Gate{w: w, cfg: cfg, epoch: time.Unix(0, 0), trouble: sim.Never}
	g.limiter = limiter.New(limiter.Config{Off: slices.Clone(cfg.Off)}, g.epoch)
	if cfg.Storm != nil {
		g.storm = storm.New(*cfg.Storm, g.epoch)
	}
	return g
}

// Changes returns when the detector's state changed, and what to.
func (g *Gate) Changes() []Change { return g.changes }

// Trouble returns when, from Watch on, the first attempt was refused or
// abandoned, or the service failed; [sim.Never] if that hasn't been.
func (g *Gate) Trouble() time.Duration { return g.trouble }

// Arrive asks the retry budget and the limiter for an attempt.
func (g *Gate) Arrive(now time.Duration, a *sim.Attempt) {
	g.now = now
	at := g.epoch.Add(now)
	h := g.holder(a)
	w := &h.Waiter
	*w = limiter.Waiter{
		Class: a.Class, Priority: limiter.Priority(int(limiter.Default) + a.Priority), Attempt: a.Try + 1,
		Client: uint64(a.Client) + 1, Notify: w.Notify,
	}
	if g.cfg.Heard {
		w.Attempt = max(a.Says, 1)
	}
	if a.Deadline > 0 {
		w.Deadline = g.epoch.Add(a.Deadline)
	}
	if g.storm != nil && !g.bounded(at, h) {
		return
	}
	switch g.limiter.Acquire(at, w) {
	case limiter.Admitted:
		g.w.Dispatch(a)
	case limiter.Shed:
		g.shed(h)
	case limiter.Queued:
		g.queued++ // less one, if it has been notified already
		g.wake()
	}
}

// bounded lets the detector see an attempt, and refuses it if it is a retry
// for which there is no budget.
func (g *Gate) bounded(at time.Time, h *holder) bool {
	w, a, r := &h.Waiter, h.attempt, &h.request
	*r = storm.Request{Print: a.Print, Also: a.Also, Exact: a.Exact, Says: a.Says, Class: w.Class, Client: w.Client, Priority: uint8(w.Priority)}
	g.storm.Arrive(at, r)
	w.Attempt = r.Attempt
	if r.Doubted {
		w.Attempt = 1
	}
	if !g.storm.Admit(at, r) {
		g.limiter.Refused(at, w, limiter.RetryBudget)
		g.shed(h)
		return false
	}
	if g.storm.State() == storm.Storm {
		if patience, ok := g.storm.Patience(r); ok {
			w.Leaves = at.Add(patience)
		}
	}
	g.look()
	return true
}

// holder returns what holds an attempt's waiter.
func (g *Gate) holder(a *sim.Attempt) *holder {
	for int(a.Slot) >= len(g.held) {
		g.held = append(g.held, nil)
	}
	h := g.held[a.Slot]
	if h == nil {
		h = &holder{}
		h.Notify = func(_ *limiter.Waiter, v limiter.Verdict) { g.notify(h, v) }
		g.held[a.Slot] = h
	}
	h.attempt = a
	return h
}

func (g *Gate) notify(h *holder, v limiter.Verdict) {
	g.queued--
	if v == limiter.Admitted {
		g.w.Dispatch(h.attempt)
		return
	}
	g.shed(h)
}

// reasons are the limiter's as the simulator counts them.
var reasons = map[limiter.Reason]sim.Reason{
	limiter.QueueFull: sim.OverLimit, limiter.QueueBytes: sim.OverLimit, limiter.Overload: sim.QueueTime,
	limiter.Deadline: sim.PastDeadline, limiter.Unfair: sim.Unfair, limiter.RetryBudget: sim.RetryBudget,
}

func (g *Gate) shed(h *holder) {
	why, ok := reasons[h.Reason]
	if !ok {
		why = sim.Other
	}
	g.w.Shed(h.attempt, why, g.word(h))
}

// word ends a refused attempt for the detector, and says what its client is told.
func (g *Gate) word(h *holder) sim.Word {
	if g.storm == nil {
		return sim.Word{}
	}
	at := g.epoch.Add(g.now)
	var answer storm.Answer
	switch {
	case g.cfg.Plain:
	case h.Reason == limiter.Deadline: // it would come back for nothing
		answer = g.storm.AnswerStopOnly(at, &h.request)
	default:
		answer = g.storm.Answer(at, &h.request)
	}
	g.end(h, storm.Shed)
	switch answer.Kind {
	case storm.Stop:
		return sim.Word{Stop: true}
	case storm.Return:
		return sim.Word{RetryAfter: answer.After}
	}
	return sim.Word{}
}

// end tells the detector how an attempt ended.
func (g *Gate) end(h *holder, o storm.Outcome) {
	if g.storm == nil {
		return
	}
	g.storm.End(g.epoch.Add(g.now), &h.request, o)
	if o != storm.Useful && g.now >= g.cfg.Watch {
		g.trouble = min(g.trouble, g.now)
	}
	g.look()
}

// look notes the detector's state if it is another.
func (g *Gate) look() {
	last := storm.Calm
	if n := len(g.changes); n > 0 {
		last = g.changes[n-1].State
	}
	if s := g.storm.State(); s != last {
		g.changes = append(g.changes, Change{g.now, s})
	}
}

// Done ends a permit.
func (g *Gate) Done(now time.Duration, a *sim.Attempt, o sim.Outcome) {
	g.now = now
	end, came := limiter.Success, storm.Useful
	switch o {
	case sim.Dropped:
		end, came = limiter.Dropped, storm.Failed
	case sim.Canceled:
		end, came = limiter.Late, storm.Abandoned
	}
	h := g.held[a.Slot]
	g.end(h, came)
	g.limiter.End(g.epoch.Add(now), &h.Waiter, end)
}

// Left takes an attempt out of the queue.
func (g *Gate) Left(now time.Duration, a *sim.Attempt) {
	g.now = now
	h := g.held[a.Slot]
	if g.limiter.Cancel(g.epoch.Add(now), &h.Waiter) {
		g.queued--
		g.end(h, storm.Abandoned)
	}
}

// wake has the limiter called while something waits in it, as the proxy's
// timer does.
func (g *Gate) wake() {
	const every = 10 * time.Millisecond
	if g.queued > 0 && g.tickAt <= g.now {
		g.tickAt = g.now + every
		g.w.WakeAt(g.tickAt)
	}
}

// Tick lets time pass for both.
func (g *Gate) Tick(now time.Duration) time.Duration {
	g.now = now
	again := sim.Never
	if g.storm != nil {
		const every = time.Second
		g.storm.Tick(g.epoch.Add(now))
		g.look()
		again = now - now%every + every
	}
	next := g.limiter.Tick(g.epoch.Add(now))
	if next.IsZero() {
		return again
	}
	g.tickAt = next.Sub(g.epoch)
	return min(again, g.tickAt)
}

// Limit is the limiter's.
func (g *Gate) Limit() float64 { return g.status().Limit }

// Inflight is how many hold a permit.
func (g *Gate) Inflight() int { return g.status().Inflight }

// QueueLen is how many wait for one.
func (g *Gate) QueueLen() int { return g.queued }

func (g *Gate) status() limiter.Status { return g.limiter.Status(g.epoch.Add(g.now)) }
