package limiter

import (
	"strconv"
	"time"
)

// Priority is what goes first when not everything can. Lower numbers go first.
type Priority uint8

// The priorities by name; numbers in between are for those who need more.
const (
	Critical   Priority = 0
	Default    Priority = 4
	Background Priority = 7

	priorities = 8
)

// String is the priority's name, or its number where it has none.
func (p Priority) String() string {
	switch p {
	case Critical:
		return "critical"
	case Default:
		return "default"
	case Background:
		return "background"
	}
	return strconv.Itoa(int(p))
}

// Verdict is what became of a request's asking for a permit.
type Verdict uint8

// The verdicts.
const (
	// Admitted: the request holds a permit, which End gives back.
	Admitted Verdict = iota + 1
	// Queued: the request waits; its Notify will be called once, with Admitted
	// or Shed, unless Cancel comes first.
	Queued
	// Shed: the request is refused, for its waiter's Reason.
	Shed
)

// Reason is why a request was shed.
type Reason uint8

// The reasons.
const (
	// NotShed is the reason of requests that weren't.
	NotShed Reason = iota
	// QueueFull: as many wait as may.
	QueueFull
	// QueueBytes: those that wait hold as much memory as they may.
	QueueBytes
	// Deadline: it could not be answered in time.
	Deadline
	// Overload: it waited longer than a queue that drains makes anyone wait.
	Overload
	// Unfair: its client already has more than its share.
	Unfair
	// RetryBudget: it is a retry, and as many as may were let in already. The
	// limiter doesn't decide that itself: see Refused.
	RetryBudget

	reasons
)

// String is the reason as metrics and headers have it.
func (r Reason) String() string {
	return [...]string{"none", "queue_full", "queue_bytes", "deadline", "overload", "unfair", "retry_budget"}[r]
}

// Outcome is what came of a permit.
type Outcome uint8

// The outcomes.
const (
	// Success: the service answered usefully; its latency is a sample.
	Success Outcome = iota + 1
	// Dropped: the service refused or broke: a connection error, a reset, a 503.
	Dropped
	// Late: nobody waits any more: the deadline passed or the client left. The
	// latency is at least what has passed, and the service may be at work still.
	Late
	// Ignored: an answer that says nothing about the service's load.
	Ignored
	// Unused: the request never reached the service, which so says nothing.
	Unused
)

// Waiter is a request as the limiter sees it. The caller fills the exported
// fields, and leaves the waiter alone from Acquire until it was shed or ended;
// then it may be used again. The zero values ask for the highest priority, so
// set Priority.
type Waiter struct {
	// Class is the request's class, from 0 to MaxClasses-1: requests of one class cost alike.
	Class int
	// Priority goes before lower ones, but never starves them.
	Priority Priority
	// Attempt is 1 for a first attempt and more for a retry, which waits behind first attempts of its priority.
	Attempt int
	// Client identifies who asks, for fairness; 0: nobody in particular.
	Client uint64
	// Deadline is when the answer must have been given; zero: no matter.
	Deadline time.Time
	// Leaves is when the client is believed to give up; zero: not known. It is no
	// reason to refuse what can be begun at once, only to let it wait in vain.
	Leaves time.Time
	// Size is the memory in bytes that the request holds while it waits.
	Size int
	// Notify hears what became of a queued request. It is called without the
	// limiter's lock, from whatever call decided it.
	Notify func(*Waiter, Verdict)

	// Latency is what the request took, for one whose permit is held for longer
	// than that; set it before End. 0: from Admitted until End.
	Latency time.Duration
	// Reason is set when the verdict is Shed.
	Reason Reason
	// Crowded is set when there was no room at once.
	Crowded bool

	state      state
	in         uint32 // the group that admitted it
	step       uint32 // the controller's, when admitted
	cohort     uint32 // of the window that counts it; 0: none
	occupancy  float32
	waited     bool
	light      bool // admitted while there was no queue and little inflight
	since      int64
	deadline   int64
	next, prev *Waiter
	list       *list
}

type state uint8

const (
	outside state = iota // neither waiting nor admitted
	waiting
	admitted
)
