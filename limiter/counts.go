package limiter

import "time"

const (
	// recentSlots is how many beginnings of a second are remembered.
	recentSlots = 10
	second      = int64(time.Second)
	recentSpan  = recentSlots * second
)

// WaitBounds are the upper bounds of [Waits]' buckets, in ascending order; a
// further bucket holds what is longer. They lie where a queue that drains ends
// (5 ms is its least target, 100 ms its least interval) and where clients give up.
var WaitBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// Waits is a histogram of the times that requests have waited in the queue,
// whatever became of them. Those that never had to wait aren't in it.
type Waits struct {
	// Buckets count by WaitBounds: each those above the bound before and at most its own.
	Buckets [len(WaitBounds) + 1]uint64 `json:"buckets"`
	// Count is how many waited, Sum how long together.
	Count uint64        `json:"count"`
	Sum   time.Duration `json:"sumNanoseconds"`
}

// Recent tells of the last seconds, for whoever asks how it goes right now.
type Recent struct {
	// Over is the time that it tells of: 10 s, or less after the start; 1 s at least.
	Over time.Duration `json:"overNanoseconds"`
	// Admitted counts permits given in that time, Answered those that came back
	// with an answer or a failure of the service's: not those of requests that
	// nobody waited for any more.
	Admitted uint64 `json:"admitted"`
	Answered uint64 `json:"answered"`
	// Sheds counts refusals in that time.
	Sheds []ShedCount `json:"sheds,omitempty"`
	// Shedding is how long requests have been refused, without a pause of 10 s;
	// 0: none was in that time.
	Shedding time.Duration `json:"sheddingNanoseconds,omitempty"`
}

// ShedCount is how many requests of one priority were refused for one reason.
type ShedCount struct {
	Priority Priority `json:"priority"`
	// Reason is one of the Reasons' names.
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
	// Retries is how many of them said that they were no first attempts.
	Retries uint64 `json:"retries"`
}

// totals only grow.
type totals struct {
	admitted uint64
	answered uint64
	sheds    [priorities][reasons]shedTotal
}

type shedTotal struct{ count, retries uint64 }

// counts is what a limiter has done, for metrics and for people; nothing is
// decided by it. It is guarded by the limiter's lock.
//
// What happened lately is the difference between two totals: the first event
// of each second leaves behind what they were before it. So nothing has to run
// by itself, and a request costs one comparison.
type counts struct {
	totals
	waits     Waits
	cancelled uint64

	past                [recentSlots]totals
	pastAt              [recentSlots]int64 // when those were taken
	next                int64              // when the next one is due
	shedFirst, shedLast int64              // of the latest stretch of shedding; shedLast 0: none
}

// pass remembers the totals when a second begins.
func (c *counts) pass(now int64) {
	if now < c.next {
		return
	}
	slot := now / second % recentSlots
	c.past[slot], c.pastAt[slot] = c.totals, now
	c.next = (now/second + 1) * second
}

func (c *counts) admit(now int64) {
	c.pass(now)
	c.admitted++
}

func (c *counts) answer(now int64) {
	c.pass(now)
	c.answered++
}

func (c *counts) shed(now int64, w *Waiter, why Reason) {
	c.pass(now)
	s := &c.sheds[min(w.Priority, priorities-1)][why]
	s.count++
	if w.Attempt > 1 {
		s.retries++
	}
	if c.shedLast == 0 || now-c.shedLast > recentSpan {
		c.shedFirst = now
	}
	c.shedLast = max(now, 1)
}

// waited takes the time that a request has spent in the queue.
func (c *counts) waited(ns int64) {
	d := time.Duration(max(ns, 0))
	i := 0
	for i < len(WaitBounds) && d > WaitBounds[i] {
		i++
	}
	c.waits.Buckets[i]++
	c.waits.Count++
	c.waits.Sum += d
}

// recent is what happened since the oldest totals that are still of the time.
func (c *counts) recent(now int64) Recent {
	r := Recent{Over: time.Duration(min(max(now, second), recentSpan))}
	from := c.totals
	oldest := now + 1
	for i, at := range c.pastAt {
		if at > now-recentSpan && at < oldest {
			from, oldest = c.past[i], at
		}
	}
	r.Admitted, r.Answered = c.admitted-from.admitted, c.answered-from.answered
	r.Sheds = c.list(&from)
	if c.shedLast > 0 && now-c.shedLast <= recentSpan {
		r.Shedding = time.Duration(max(now-c.shedFirst, 1))
	}
	return r
}

// list is the sheds since from; those that there were none of are left out.
func (c *counts) list(from *totals) []ShedCount {
	var all []ShedCount
	for p := range c.sheds {
		for r, s := range c.sheds[p] {
			if before := from.sheds[p][r]; s.count > before.count {
				all = append(all, ShedCount{Priority(p), Reason(r).String(), s.count - before.count, s.retries - before.retries})
			}
		}
	}
	return all
}
