package limiter

import (
	"maps"
	"time"
)

// Status is a snapshot of a limiter.
type Status struct {
	// Limit is the number of requests that may be inflight, but for those of
	// classes that are apart; Inflight is how many are, those included.
	// Abandoned are those that nobody waits for any more, but that the service
	// is believed to be at work on: they take room too.
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
	// Apart are the classes that are limited alone now; none, mostly.
	Apart []Apart `json:"apart,omitempty"`
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
	l.buryAll(t)
	s := Status{
		Limit: l.ctl.limit, Inflight: l.inflight, Abandoned: l.left.n, Queued: l.queued(), Standing: l.queue.standing, Admitted: l.count.admitted,
		Wait: time.Duration(l.queue.longest(t)), Cancelled: l.count.cancelled, Waits: l.count.waits,
		Rule: l.ctl.moved.rule, From: l.ctl.moved.from, Why: l.ctl.moved.why, Since: time.Duration(t - l.ctl.moved.at), Moves: maps.Clone(l.ctl.moved.counts),
		Sheds: l.count.list(&totals{}), Recent: l.count.recent(t),
	}
	l.tellApart(t, &s)
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
