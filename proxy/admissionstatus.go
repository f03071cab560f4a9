package proxy

import (
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// AdmissionStatus is a snapshot of how requests are admitted to one endpoint.
// What it counts, it counts since the endpoint was first seen or its
// upstream's concurrency settings last changed.
type AdmissionStatus struct {
	// Mode is adaptive or fixed.
	Mode string `json:"mode"`
	// Limit is how many requests may be inflight, Inflight how many are.
	Limit    float64 `json:"limit"`
	Inflight int     `json:"inflight"`
	// Queued counts those that wait for a permit, Wait is how long the first of
	// them has, in seconds.
	Queued int     `json:"queued"`
	Wait   float64 `json:"waitSeconds"`
	// Abandoned counts requests that nobody waits for any more, but that the
	// service is believed to be at work on: they take room as inflight ones do.
	Abandoned int `json:"abandoned"`
	// Standing says that the queue doesn't drain: the newest go first.
	Standing bool `json:"standing"`
	// Streams is how many long-lived streams are open, MaxStreams how many may
	// be, StreamsShed counts requests refused because of that.
	Streams     int64  `json:"streams"`
	MaxStreams  int64  `json:"maxStreams"`
	StreamsShed uint64 `json:"streamsShed"`
	// Admitted counts permits given, Cancelled those who left while they waited
	// for one.
	Admitted  uint64 `json:"admitted"`
	Cancelled uint64 `json:"cancelled"`
	// Waits are the times that requests have waited, those that had to.
	Waits WaitsStatus `json:"waits"`
	// Baselines are the latencies without queueing, by class; those unknown are left out.
	Baselines []BaselineStatus `json:"baselines,omitempty"`
	// Apart are classes that are slow alone, and therefore limited alone; mostly none.
	Apart []ApartStatus `json:"apart,omitempty"`
	// Move is the limit's last; nil: it has never moved.
	Move *MoveStatus `json:"move,omitempty"`
	// Moves counts, by rule, how often each has decided about the limit.
	Moves map[string]uint64 `json:"moves,omitempty"`
	// Sheds counts refusals, but those of streams.
	Sheds []ShedStatus `json:"sheds,omitempty"`
	// Recent tells of the last seconds.
	Recent RecentStatus `json:"recent"`
}

// WaitsStatus is a histogram.
type WaitsStatus struct {
	// Bounds are the buckets' upper bounds in seconds; there is one bucket more,
	// for what is longer.
	Bounds  []float64 `json:"boundsSeconds"`
	Buckets []uint64  `json:"buckets"`
	Count   uint64    `json:"count"`
	Sum     float64   `json:"sumSeconds"`
}

// BaselineStatus is what one class of requests takes when nothing queues.
type BaselineStatus struct {
	// Class is a route's name or a gRPC method's; other is all that have no class of their own.
	Class string `json:"class"`
	// Baseline is in seconds.
	Baseline float64 `json:"baselineSeconds"`
}

// ApartStatus is a class of requests that is limited alone.
type ApartStatus struct {
	// Class is as in BaselineStatus.
	Class string `json:"class"`
	// Limit is how many of its requests may be inflight, Inflight how many are,
	// Queued how many wait. They are in the endpoint's Inflight and Queued too.
	Limit    float64 `json:"limit"`
	Inflight int     `json:"inflight"`
	Queued   int     `json:"queued"`
	// Why is the reason in words, Since when that was decided.
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
}

// MoveStatus tells of one decision about the limit.
type MoveStatus struct {
	// Rule is the one that decided: grow, cut, probe, idle, drop or apart.
	// docs/limiter.md explains them.
	Rule string `json:"rule"`
	// From is the limit before.
	From float64 `json:"from"`
	// Why is the reason in words, with its figures.
	Why string `json:"why"`
	// At is when it was decided.
	At time.Time `json:"at"`
}

// ShedStatus is how many requests of one priority were refused for one reason.
type ShedStatus struct {
	// Priority is critical, default, background, or a number between.
	Priority string `json:"priority"`
	// Reason is as the header Levee-Shed has it.
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
	// Retries is how many of them said that they were no first attempts.
	Retries uint64 `json:"retries"`
}

// RecentStatus tells of the last seconds.
type RecentStatus struct {
	// Over is the time that it tells of, in seconds.
	Over float64 `json:"overSeconds"`
	// Admitted counts permits given, Answered those that the service answered or
	// failed, Sheds refusals, in that time.
	Admitted uint64       `json:"admitted"`
	Answered uint64       `json:"answered"`
	Sheds    []ShedStatus `json:"sheds,omitempty"`
	// SheddingSince is when the refusals began; zero if there was none in that time.
	SheddingSince time.Time `json:"sheddingSince,omitzero"`
}

// waitBounds are the limiter's, in seconds.
var waitBounds = func() []float64 {
	var b []float64
	for _, d := range limiter.WaitBounds {
		b = append(b, d.Seconds())
	}
	return b
}()

// admission takes a snapshot for people; nil: nothing is limited here.
func (e *endpoint) admission(now time.Time) *AdmissionStatus {
	if e.limiter == nil {
		return nil
	}
	l := e.limiter.Status(now)
	s := &AdmissionStatus{
		Mode: e.up.cfg.Concurrency.Mode, Limit: l.Limit, Inflight: l.Inflight,
		Queued: l.Queued, Wait: l.Wait.Seconds(), Standing: l.Standing, Abandoned: l.Abandoned,
		Streams: e.streams.Load(), MaxStreams: int64(e.up.cfg.Concurrency.Streams), StreamsShed: e.streamsShed.Load(),
		Admitted: l.Admitted, Cancelled: l.Cancelled,
		Waits: WaitsStatus{Bounds: waitBounds, Buckets: l.Waits.Buckets[:], Count: l.Waits.Count, Sum: l.Waits.Sum.Seconds()},
		Moves: l.Moves, Sheds: sheds(l.Sheds),
		Recent: RecentStatus{Over: l.Recent.Over.Seconds(), Admitted: l.Recent.Admitted, Answered: l.Recent.Answered, Sheds: sheds(l.Recent.Sheds)},
	}
	if l.Recent.Shedding > 0 {
		s.Recent.SheddingSince = now.Add(-l.Recent.Shedding)
	}
	if l.Rule != "" {
		s.Move = &MoveStatus{Rule: l.Rule, From: l.From, Why: l.Why, At: now.Add(-l.Since)}
	}
	names := e.up.classes.Names()
	for i, b := range l.Baselines {
		if b > 0 && names[i] != "" {
			s.Baselines = append(s.Baselines, BaselineStatus{names[i], b.Seconds()})
		}
	}
	for _, a := range l.Apart {
		s.Apart = append(s.Apart, ApartStatus{names[a.Class], a.Limit, a.Inflight, a.Queued, a.Reason, now.Add(-a.Since)})
	}
	return s
}

func sheds(counts []limiter.ShedCount) []ShedStatus {
	var all []ShedStatus
	for _, c := range counts {
		all = append(all, ShedStatus{c.Priority.String(), c.Reason, c.Count, c.Retries})
	}
	return all
}
