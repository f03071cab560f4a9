package judge

import (
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	"github.com/levee-proxy/levee/limiter"
)

// Contestant is a limiter that is judged.
type Contestant struct {
	Name string
	// New makes its gate. It is nil for the best fixed limit, which is found
	// for each scenario anew.
	New sim.NewGate
}

// bestFixed is the contestant that an oracle tunes.
const bestFixed = "best fixed"

// Contestants returns Levee's limiter, the adaptive rivals, the best fixed
// limit, and none.
func Contestants() []Contestant {
	return []Contestant{
		{"Levee", Levee()},
		{"AIMD", rivals.AIMD},
		{"Vegas", rivals.Vegas},
		{"Gradient2", rivals.Gradient2},
		{"Envoy", rivals.Envoy},
		{bestFixed, nil},
		{"none", rivals.None},
	}
}

// Ablated returns Levee's limiter whole, and with each of the rules switched off.
func Ablated(rules []string) []Contestant {
	all := []Contestant{{"whole", Levee()}}
	for _, rule := range rules {
		all = append(all, Contestant{"without " + rule, Levee(rule)})
	}
	return all
}

// Levee returns a gate with Levee's own limiter as it is configured by default,
// some of its rules switched off.
func Levee(off ...string) sim.NewGate {
	return func(w *sim.World) sim.Gate {
		g := &levee{w: w, epoch: time.Unix(0, 0)}
		g.limiter = limiter.New(limiter.Config{Off: slices.Clone(off)}, g.epoch)
		return g
	}
}

// levee stands between the simulator's contract and the limiter's.
type levee struct {
	w       *sim.World
	limiter *limiter.Limiter
	epoch   time.Time
	now     time.Duration
	held    []*holder // by slot
	queued  int
	tickAt  time.Duration
}

// holder is a request's waiter. It is used again with its slot.
type holder struct {
	limiter.Waiter
	attempt *sim.Attempt
}

func (g *levee) Arrive(now time.Duration, a *sim.Attempt) {
	g.now = now
	h := g.holder(a)
	w := &h.Waiter
	*w = limiter.Waiter{
		Class: a.Class, Priority: limiter.Priority(int(limiter.Default) + a.Priority), Attempt: a.Try + 1,
		Client: uint64(a.Client) + 1, Notify: w.Notify,
	}
	if a.Deadline > 0 {
		w.Deadline = g.epoch.Add(a.Deadline)
	}
	switch g.limiter.Acquire(g.epoch.Add(now), w) {
	case limiter.Admitted:
		g.w.Dispatch(a)
	case limiter.Shed:
		g.shed(h)
	case limiter.Queued:
		g.queued++ // less one, if it has been notified already
		g.wake()
	}
}

// holder returns what holds an attempt's waiter.
func (g *levee) holder(a *sim.Attempt) *holder {
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

func (g *levee) notify(h *holder, v limiter.Verdict) {
	g.queued--
	if v == limiter.Admitted {
		g.w.Dispatch(h.attempt)
		return
	}
	g.shed(h)
}

func (g *levee) shed(h *holder) {
	why := sim.Other
	switch h.Reason {
	case limiter.QueueFull, limiter.QueueBytes:
		why = sim.OverLimit
	case limiter.Overload:
		why = sim.QueueTime
	case limiter.Deadline:
		why = sim.PastDeadline
	case limiter.Unfair:
		why = sim.Unfair
	}
	g.w.Shed(h.attempt, why, sim.Word{})
}

func (g *levee) Done(now time.Duration, a *sim.Attempt, o sim.Outcome) {
	g.now = now
	end := limiter.Success
	switch {
	case o == sim.Dropped:
		end = limiter.Dropped
	case o == sim.Canceled:
		end = limiter.Late
	}
	g.limiter.End(g.epoch.Add(now), &g.held[a.Slot].Waiter, end)
}

func (g *levee) Left(now time.Duration, a *sim.Attempt) {
	g.now = now
	if g.limiter.Cancel(g.epoch.Add(now), &g.held[a.Slot].Waiter) {
		g.queued--
	}
}

// wake has the limiter called while something waits in it, as the proxy's
// timer does.
func (g *levee) wake() {
	const every = 10 * time.Millisecond
	if g.queued > 0 && g.tickAt <= g.now {
		g.tickAt = g.now + every
		g.w.WakeAt(g.tickAt)
	}
}

func (g *levee) Tick(now time.Duration) time.Duration {
	g.now = now
	next := g.limiter.Tick(g.epoch.Add(now))
	if next.IsZero() {
		return sim.Never
	}
	g.tickAt = next.Sub(g.epoch)
	return g.tickAt
}

func (g *levee) Limit() float64 { return g.status().Limit }
func (g *levee) Inflight() int  { return g.status().Inflight }
func (g *levee) QueueLen() int  { return g.queued }

func (g *levee) status() limiter.Status { return g.limiter.Status(g.epoch.Add(g.now)) }

// Rules are the rules of Levee's limiter that can be switched off.
var Rules = []string{"start", "change", "width", "noise", "probe", "late", "blind", "abandon", "bridge", "patience", "drop", "idle", "apart"}
