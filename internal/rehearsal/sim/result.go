package sim

import "time"

// Result is what came out of a run. The first two groups of counters cover all
// of the run, so that each request and each attempt is in exactly one of them.
type Result struct {
	Scenario string

	// Calls counts requests (first attempts); each ended in one of the ways
	// below, or was open when the run was over.
	Calls, Good, FailedShed, FailedTimeout, FailedError, Open int
	// Attempts counts all attempts. Each was dispatched, shed, given up while
	// the gate held it, or held still when the run was over (HeldAtEnd).
	Attempts, Dispatched, Shed, HeldAtEnd int
	// Answered counts attempts whose client got a good answer; GivenUp those
	// whose client didn't wait for it.
	Answered, GivenUp int
	// Events is how many things happened.
	Events int

	// All is measured from the end of the warm-up to the end.
	All Stats
	// Groups are measured in the spans of each group.
	Groups []Stats
	// Bucket is the width of the points of Series, which cover the fold.
	Bucket time.Duration
	Series []Point
}

// Stats are the measures of a stretch of time.
type Stats struct {
	// Time is how long that was.
	Time time.Duration
	// Offered counts requests that came, Good those that were answered well.
	Offered, Good int
	// Attempts counts attempts that came, Retries those which weren't first.
	Attempts, Retries int
	// Dispatched counts attempts that were let through then, whenever they
	// came; DispatchedRetries those which weren't first.
	Dispatched, DispatchedRetries int
	// By is what came and was answered then, by population.
	By []Tally
	// Shed counts attempts that the gate refused, by [Reason].
	Shed [reasons]int
	// IdleAttempts counts attempts that came while at most 70% of the service
	// was used and asked for; IdleShed those of them which were shed.
	IdleAttempts, IdleShed int
	// Latency is of the attempts that were dispatched, from their arrival at
	// the gate to the answer, or until their client had enough.
	Latency Histogram
	// Busy is the worker time spent, Wasted the part of it for nobody;
	// Workers is all that there was.
	Busy, Wasted, Workers time.Duration

	busyAt, workersAt float64
	from              time.Duration
}

// Tally counts a population's requests and those that were answered well.
type Tally struct{ Offered, Good int }

// ShedTotal returns how many attempts were shed for whatever reason.
func (s *Stats) ShedTotal() int {
	n := 0
	for _, k := range s.Shed {
		n += k
	}
	return n
}

// Utilisation returns the share of worker time that was used.
func (s *Stats) Utilisation() float64 { return ratio(float64(s.Busy), float64(s.Workers)) }

// Point is one point of the series.
type Point struct {
	// Offered counts requests that came, Answered those of them that were
	// answered well at some time, Good those that were answered well now.
	Offered, Answered, Good int
	// Attempts counts attempts that came, Shed those refused now, Dispatched
	// those let through now, Again those of them which weren't first.
	Attempts, Shed, Dispatched, Again int
	// Limit, Inflight, Queue and Accept (the service's own queue) are means of
	// four samples.
	Limit, Inflight, Queue, Accept float64
	// P50 and P99 are of latencies, if traced; 0 if there are none.
	P50, P99 time.Duration

	samples float64
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// sample adds what can be seen now to the series.
func (w *World) sample() {
	b := w.bucket()
	if b < 0 {
		return
	}
	p := &w.series[b]
	p.samples++
	p.Limit += (w.gate.Limit() - p.Limit) / p.samples
	p.Inflight += (float64(w.gate.Inflight()) - p.Inflight) / p.samples
	p.Queue += (float64(w.gate.QueueLen()) - p.Queue) / p.samples
	p.Accept += (float64(w.service.accept.n) - p.Accept) / p.samples
}

// turnSpan begins or ends a measured span.
func (w *World) turnSpan(i uint32, begins bool) {
	g := w.s.Spans[i].Group
	if begins {
		w.cur, w.group = &w.result.Groups[g], int32(g)
		w.open(w.cur)
		return
	}
	w.close(&w.result.Groups[g])
	if w.group == int32(g) {
		w.cur, w.group = &w.none, -1
	}
}

func (w *World) open(s *Stats) {
	u := &w.service.use
	u.advance(w.now)
	s.from, s.busyAt, s.workersAt = w.now, u.busy, u.have
}

func (w *World) close(s *Stats) {
	u := &w.service.use
	u.advance(w.now)
	s.Time += w.now - s.from
	s.Busy += time.Duration(u.busy - s.busyAt)
	s.Workers += time.Duration(u.have - s.workersAt)
}

// finish sums up.
func (w *World) finish() {
	r := w.result
	for _, sp := range w.s.Spans {
		if sp.From < w.now && sp.To >= w.now && w.group == int32(sp.Group) {
			w.close(&r.Groups[sp.Group])
			break
		}
	}
	w.close(&w.all)
	r.All = w.all
	r.Open = w.calls.alive()
	for slot := range w.attempts.next {
		// Slots that were given back are gone, or dispatched once.
		if a := w.attempts.at(slot); a.place == atGate {
			r.HeldAtEnd++
		}
	}
	r.Series = w.series
	for i := range w.traces {
		r.Series[i].P50 = w.traces[i].Quantile(0.5)
		r.Series[i].P99 = w.traces[i].Quantile(0.99)
	}
}
