package sim

import "time"

// Gate is a limiter as the simulator sees it. It is called from one goroutine;
// the calls carry the time, and there is no other clock.
//
// For each attempt that arrives it calls [World.Dispatch] or [World.Shed]
// exactly once, at once or later, unless the attempt left before. World
// panics when that is not so: a gate that loses or doubles an attempt is a
// mistake in the gate.
type Gate interface {
	// Arrive brings a new attempt.
	Arrive(now time.Duration, a *Attempt)
	// Done ends a dispatched attempt: the service has answered, or failed, or
	// the client has left. It comes exactly once for each dispatched attempt.
	Done(now time.Duration, a *Attempt, o Outcome)
	// Left says that the client of an attempt that the gate holds has gone.
	Left(now time.Duration, a *Attempt)
	// Tick is called when the gate asked for it, and once at the start. It
	// returns when it wants to be called again, or [Never].
	Tick(now time.Duration) time.Duration
	// Limit, Inflight and QueueLen are for the plots.
	Limit() float64
	Inflight() int
	QueueLen() int
}

// Never is a time that doesn't come.
const Never = time.Duration(1<<63 - 1)

// NewGate makes a gate for a world. It must keep all state in the gate: the
// same function is called for many runs, several at a time.
type NewGate func(w *World) Gate

// Outcome is how a dispatched attempt ended, as a proxy sees it.
type Outcome uint8

const (
	// Success: the service answered.
	Success Outcome = iota
	// Dropped: the service refused, or died.
	Dropped
	// Canceled: the client has left; the service goes on working for nobody,
	// and nothing is learned.
	Canceled
)

// Reason is why a gate shed an attempt.
type Reason uint8

// The reasons, for counting.
const (
	// OverLimit: no permit, and no queue or no room in it.
	OverLimit Reason = iota
	// QueueTime: it waited too long, or would have.
	QueueTime
	// PastDeadline: it couldn't be answered in time.
	PastDeadline
	// Unfair: its client had more than its share.
	Unfair
	// RetryBudget: it is a retry, and no more of them are let through.
	RetryBudget
	// Other reasons.
	Other
	reasons
)

// String names the reason.
func (r Reason) String() string {
	return [...]string{"limit", "queue", "deadline", "fairness", "retry budget", "other"}[r]
}

// Word is what a refusal tells the client.
type Word struct {
	// Stop asks the client not to try again.
	Stop bool
	// RetryAfter asks it to wait at least so long. 0: nothing said.
	RetryAfter time.Duration
}
