package sim

import "time"

// turnaround is how long a refusal takes to come back to who was refused.
const turnaround = 100 * time.Microsecond

// end is how a call ended.
type end uint8

const (
	endGood    end = iota
	endShed        // the last attempt was shed
	endTimeout     // the last attempt, or the whole, took too long
	endError       // the service failed
)

// population is the running state of a [Population].
type population struct {
	arrivals random
	gen      uint32
	next     time.Duration // of the arrival that is scheduled
	rate     float64       // at which it was scheduled
}

// arrive brings a new request of a population, and schedules the one after.
func (w *World) arrive(i int) {
	p := &w.s.Clients[i]
	w.nextID++
	id := w.nextID
	slot, c := w.calls.get()
	*c = call{slot: slot, gen: c.gen + 1, population: i, id: id, bucket: w.bucket()}
	if p.Deadline > 0 {
		c.deadline = w.now + p.Deadline
	}
	c.class = p.Class - 1
	if c.class < 0 {
		c.class = w.class(draw(w.s.Seed, id, 0, drawClass))
	}
	if p.Identities > 1 {
		c.client = int(draw(w.s.Seed, id, 0, drawClient) * float64(p.Identities))
	}
	c.client += w.identity[i]
	w.result.Calls++
	if c.bucket >= 0 {
		w.all.Offered++
		w.cur.Offered++
		w.series[c.bucket].Offered++
	}
	w.scheduleArrival(i, w.interval(i))
	w.try(c)
}

// class returns the class at a share of all requests.
func (w *World) class(u float64) int {
	u *= w.shares
	for i := range w.s.Service.Classes {
		u -= w.s.Service.Classes[i].Share
		if u < 0 {
			return i
		}
	}
	return len(w.s.Service.Classes) - 1
}

// interval draws the distance to the next arrival in means: 1 on average.
func (w *World) interval(i int) float64 {
	if w.s.Clients[i].Even {
		return 1
	}
	return w.populations[i].arrivals.exponential()
}

// scheduleArrival lets the next request come after so many mean intervals.
func (w *World) scheduleArrival(i int, means float64) {
	p := &w.populations[i]
	p.rate = w.s.Clients[i].Rate * w.cond.load
	p.gen++
	if p.rate <= 0 {
		p.next = Never
		return
	}
	d := means / p.rate * float64(time.Second)
	p.next = Never
	if d < float64(w.s.Duration-w.now) {
		p.next = w.now + time.Duration(d)
		w.schedule(p.next, evArrival, uint32(i), p.gen)
	}
}

// reschedule moves the next arrival to what a new rate makes of the wait that
// is left: the arrivals stay a Poisson process, exactly.
func (w *World) reschedule(i int) {
	p := &w.populations[i]
	left := 0.0
	if p.next != Never {
		left = (p.next - w.now).Seconds() * p.rate
	} else {
		left = w.interval(i)
	}
	w.scheduleArrival(i, left)
}

// try sends an attempt of a call to the gate.
func (w *World) try(c *call) {
	p := &w.s.Clients[c.population]
	slot, a := w.attempts.get()
	idle := w.hasRoom()
	*a = Attempt{
		Slot: slot, gen: a.gen + 1, call: c, id: c.id,
		Class: c.class, Client: c.client, Priority: p.Priority, Try: c.try,
		Arrived: w.now, span: -1, wants: true, idle: idle,
	}
	ends := c.deadline
	if p.Timeout > 0 && (ends == 0 || w.now+p.Timeout < ends) {
		ends = w.now + p.Timeout
	}
	if ends > 0 {
		w.schedule(ends, evTimeout, slot, a.gen)
		if p.Announces {
			a.Deadline = ends
		}
	}
	w.result.Attempts++
	if w.measuring() {
		a.span = w.group
		w.countAttempt(&w.all, a)
		w.countAttempt(w.cur, a)
		w.series[w.bucket()].Attempts++
	} else {
		a.idle = false
	}
	w.gate.Arrive(w.now, a)
}

func (w *World) countAttempt(s *Stats, a *Attempt) {
	s.Attempts++
	if a.Try > 0 {
		s.Retries++
	}
	if a.idle {
		s.IdleAttempts++
	}
}

// answered ends a call well.
func (w *World) answered(a *Attempt) {
	a.wants = false
	c := a.call
	w.result.Answered++
	w.latency(a)
	if w.measuring() {
		w.all.Good++
		w.cur.Good++
		w.series[w.bucket()].Good++
	}
	if c.bucket >= 0 {
		w.series[c.bucket].Answered++
	}
	w.endCall(c, endGood)
}

// latency records how long an attempt that got through took its client; for
// one that was given up, how long until then.
func (w *World) latency(a *Attempt) {
	d := w.now - a.Arrived
	if a.Arrived < w.s.Warmup {
		return
	}
	w.all.Latency.Add(d)
	if a.span >= 0 {
		w.result.Groups[a.span].Latency.Add(d)
	}
	if w.traces != nil && w.measuring() {
		w.traces[w.bucket()].Add(d)
	}
}

// giveUp ends an attempt that took its client too long.
func (w *World) giveUp(a *Attempt) {
	silent := w.s.Clients[a.call.population].Silent
	w.result.GivenUp++
	switch a.place {
	case atGate:
		if !silent {
			a.place = gone
			w.gate.Left(w.now, a)
		}
	case inService:
		w.latency(a)
		if !silent && a.open {
			a.open = false
			w.gate.Done(w.now, a, Canceled)
		}
	}
	w.failed(a, endTimeout, Word{})
	w.release(a)
}

// failed lets a client decide what to do after an attempt failed.
func (w *World) failed(a *Attempt, why end, word Word) {
	a.wants = false
	c := a.call
	p := &w.s.Clients[c.population]
	if c.try >= p.Retries || (p.Obeys && word.Stop) {
		w.endCall(c, why)
		return
	}
	wait := p.Backoff.wait(c.try, draw(w.s.Seed, c.id, c.try, drawBackoff))
	if p.Obeys {
		wait = max(wait, word.RetryAfter)
	}
	if why != endTimeout {
		wait = max(wait, turnaround)
	}
	if c.deadline > 0 && w.now+wait >= c.deadline {
		w.endCall(c, why)
		return
	}
	c.try++
	w.schedule(w.now+wait, evRetry, c.slot, c.gen)
}

func (w *World) endCall(c *call, how end) {
	switch how {
	case endGood:
		w.result.Good++
	case endShed:
		w.result.FailedShed++
	case endTimeout:
		w.result.FailedTimeout++
	case endError:
		w.result.FailedError++
	}
	w.calls.put(c.slot)
	c.gen++
}
