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
	came     int           // requests so far
}

// arrive brings a new request of a population, and schedules the one after.
func (w *World) arrive(i int) {
	p := &w.s.Clients[i]
	w.nextID++
	id := w.nextID
	slot, c := w.calls.get()
	*c = call{slot: slot, gen: c.gen + 1, population: i, id: id, bucket: w.bucket()}
	if p.Beside {
		c.bucket = -1
	}
	if p.Deadline > 0 {
		c.deadline = w.now + p.Deadline
	}
	c.class = p.Class - 1
	if c.class < 0 {
		c.class = w.class(draw(w.s.Seed, id, 0, drawClass))
	}
	switch {
	case p.Polls:
		c.client = w.populations[i].came % max(1, p.Identities)
	case p.Identities > 1:
		c.client = int(draw(w.s.Seed, id, 0, drawClient) * float64(p.Identities))
	}
	if p.Targets > 1 && !p.Polls {
		c.target = int(draw(w.s.Seed, id, 0, drawTarget) * float64(p.Targets))
	}
	c.client += w.identity[i]
	w.populations[i].came++
	w.result.Calls++
	if w.measuring() {
		w.countOffered(&w.all, i)
		w.countOffered(w.cur, i)
	}
	if c.bucket >= 0 {
		w.series[c.bucket].Offered++
	}
	w.scheduleArrival(i, w.interval(i))
	w.try(c)
}

func (w *World) countOffered(s *Stats, population int) {
	s.By[population].Offered++
	if !w.s.Clients[population].Beside {
		s.Offered++
	}
}

func (w *World) countGood(s *Stats, population int) {
	s.By[population].Good++
	if !w.s.Clients[population].Beside {
		s.Good++
	}
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
	if p := &w.s.Clients[i]; p.Even || p.Polls {
		return 1
	}
	return w.populations[i].arrivals.exponential()
}

// scheduleArrival lets the next request come after so many mean intervals.
func (w *World) scheduleArrival(i int, means float64) {
	p := &w.populations[i]
	p.rate = w.s.Clients[i].rate(w.now, w.cond.load)
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
	w.mark(a, p)
	if ends := c.until(p, w.now); ends > 0 {
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

// mark lets an attempt carry what its population's attempts carry.
func (w *World) mark(a *Attempt, p *Population) {
	c := a.call
	if p.Numbered {
		a.Says = c.tries[0] + 1
	}
	a.Print = mix(w.s.Seed + mix(golden*uint64(c.client+1)) + uint64(c.target))
	if p.Marked {
		a.Print, a.Also, a.Exact = mix(w.s.Seed+golden*c.id), a.Print, true
	}
}

// until returns when an attempt that begins now is over at the latest, and
// notes when the tries that begin with it are; 0: never.
func (c *call) until(p *Population, now time.Duration) time.Duration {
	ends := c.deadline
	sooner := func(at time.Duration) {
		if ends == 0 || at < ends {
			ends = at
		}
	}
	if p.Timeout > 0 {
		sooner(now + p.Timeout)
	}
	for i, l := range p.Above {
		if l.Timeout == 0 {
			continue
		}
		if c.ends[i+1] == 0 {
			c.ends[i+1] = now + l.Timeout
		}
		sooner(c.ends[i+1])
	}
	return ends
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
		w.countGood(&w.all, c.population)
		w.countGood(w.cur, c.population)
		if !w.s.Clients[c.population].Beside {
			w.series[w.bucket()].Good++
		}
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
	if p.Obeys && word.Stop {
		w.endCall(c, why)
		return
	}
	told := time.Duration(0)
	if p.Obeys {
		told = word.RetryAfter
	}
	if why != endTimeout {
		told = max(told, turnaround)
	}
	at, ok := c.again(p, w.now, told, draw(w.s.Seed, c.id, c.try, drawBackoff))
	if !ok {
		w.endCall(c, why)
		return
	}
	c.try++
	w.schedule(at, evRetry, c.slot, c.gen)
}

// again returns when a call tries again after a failure, by which of its
// layers ever; false if none does. told is the least wait, u is random in [0, 1).
//
// The failure goes up until a layer has tries left. A layer whose time is over,
// or will be before the wait is, fails then with all that is below it; one that
// was told to wait for longer than it may passes that on at once.
func (c *call) again(p *Population, now, told time.Duration, u float64) (at time.Duration, ok bool) {
	layer, from := c.over(len(p.Above), 0, now), now
	for layer <= len(p.Above) {
		retries, backoff := p.layer(layer)
		if c.tries[layer] >= retries {
			layer++
			continue
		}
		at = from + max(backoff.Wait(c.tries[layer], u), told)
		if above := c.over(len(p.Above), layer, at); above > layer {
			if told <= turnaround {
				from = c.ends[above]
			}
			layer = above
			continue
		}
		break
	}
	if layer > len(p.Above) || (c.deadline > 0 && at >= c.deadline) {
		return 0, false
	}
	c.tries[layer]++
	for below := range layer {
		c.tries[below], c.ends[below] = 0, 0
	}
	c.ends[layer] = 0
	return at, true
}

// over returns the layer above a layer whose time is over first by then, and
// of two at once the higher one; the layer itself if there is none.
func (c *call) over(top, layer int, by time.Duration) int {
	first := layer
	for i := layer + 1; i <= top; i++ {
		if c.ends[i] > 0 && c.ends[i] <= by && (first == layer || c.ends[i] <= c.ends[first]) {
			first = i
		}
	}
	return first
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
