package sim

import (
	"fmt"
	"time"
)

// World is a running simulation. A gate uses it to say what becomes of the
// attempts that it was given.
type World struct {
	s      *Scenario
	gate   Gate
	now    time.Duration
	heap   heap
	seq    uint64
	nextID uint64

	calls       arena[call]
	attempts    arena[Attempt]
	populations []population
	identity    []int // the first client of each population
	shares      float64
	service     service
	cond        condition

	tickGen uint32
	tickAt  time.Duration

	result *Result
	all    Stats
	cur    *Stats // of the span that it is now; never nil
	none   Stats  // what cur is outside of spans
	group  int32
	series []Point
	traces []Histogram
	load   float64 // nominal work a second: rate times mean time, over all that send now
}

// Run simulates a scenario with a gate. It panics when the gate breaks its
// contract, and fails when the scenario makes no sense.
func Run(s Scenario, newGate NewGate) (*Result, error) {
	if s.Fold <= 0 {
		s.Fold = s.Duration
	}
	if s.Bucket <= 0 {
		s.Bucket = max(s.Fold/200, 1)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	w := &World{s: &s, group: -1}
	w.start(newGate)
	for w.step() {
	}
	w.finish()
	return w.result, nil
}

// Scenario returns what is simulated; it must not be changed. Only a gate that
// is an oracle looks at it.
func (w *World) Scenario() *Scenario { return w.s }

// Dispatch lets an attempt that the gate holds through to the service.
func (w *World) Dispatch(a *Attempt) {
	w.must(a.place == atGate, a, "dispatched")
	a.Dispatched = w.now
	a.open = true
	w.result.Dispatched++
	if b := w.bucket(); b >= 0 {
		w.series[b].Dispatched++
		if a.Try > 0 {
			w.series[b].Again++
		}
		w.countDispatch(&w.all, a)
		w.countDispatch(w.cur, a)
	}
	w.receive(a)
}

// Shed refuses an attempt that the gate holds.
func (w *World) Shed(a *Attempt, why Reason, word Word) {
	w.must(a.place == atGate, a, "shed")
	a.place = gone
	w.result.Shed++
	if a.Arrived >= w.s.Warmup && w.measuring() {
		w.countShed(&w.all, a, why)
		if a.span >= 0 {
			w.countShed(&w.result.Groups[a.span], a, why)
		}
		w.series[w.bucket()].Shed++
	}
	if a.wants {
		w.failed(a, endShed, word)
	}
	w.release(a)
}

func (w *World) countDispatch(s *Stats, a *Attempt) {
	s.Dispatched++
	if a.Try > 0 {
		s.DispatchedRetries++
	}
}

func (w *World) countShed(s *Stats, a *Attempt, why Reason) {
	s.Shed[why]++
	if a.idle {
		s.IdleShed++
	}
}

// WakeAt asks for a call of the gate's Tick at a time, if that is earlier than
// the one already asked for.
func (w *World) WakeAt(at time.Duration) {
	if at >= w.tickAt {
		return
	}
	w.tickAt = max(at, w.now)
	w.tickGen++
	w.schedule(w.tickAt, evTick, 0, w.tickGen)
}

func (w *World) must(ok bool, a *Attempt, what string) {
	if !ok {
		panic(fmt.Sprintf("sim: attempt %d of request %d %s at %v, but the gate doesn't hold it", a.Try, a.id, what, w.now))
	}
}

func (w *World) schedule(at time.Duration, k kind, ref, gen uint32) {
	w.seq++
	w.heap.push(event{at: int64(at), seq: w.seq, kind: k, ref: ref, gen: gen})
}

// release gives an attempt's slot back when nobody needs it any more.
func (w *World) release(a *Attempt) {
	if a.place != gone || a.wants || a.open {
		return
	}
	a.gen++
	a.call = nil
	w.attempts.put(a.Slot)
}

// start sets the world up at time zero.
func (w *World) start(newGate NewGate) {
	s := w.s
	groups := 0
	for _, sp := range s.Spans {
		groups = max(groups, sp.Group+1)
	}
	points := int((s.Fold + s.Bucket - 1) / s.Bucket)
	w.result = &Result{Scenario: s.Name, Bucket: s.Bucket, Groups: make([]Stats, groups)}
	w.series = make([]Point, points)
	if s.Trace {
		w.traces = make([]Histogram, points)
	}
	for i := range w.result.Groups {
		w.result.Groups[i].By = make([]Tally, len(s.Clients))
	}
	w.all.By, w.none.By = make([]Tally, len(s.Clients)), make([]Tally, len(s.Clients))
	w.cur = &w.none
	w.cond = s.condition(0)
	w.service.workers = w.cond.workers
	w.service.coldFrom = -1
	w.service.use = usage{window: max(250*time.Millisecond, 5*s.Service.MeanTime()), workersNow: w.cond.workers}
	for _, c := range s.Service.Classes {
		w.shares += c.Share
	}
	w.populations = make([]population, len(s.Clients))
	w.load = w.nominal()
	for i, p := range s.Clients {
		for _, edge := range [...]time.Duration{p.From, p.Until} {
			if edge > 0 {
				w.schedule(edge, evTrigger, 0, 0)
			}
		}
		w.identity = append(w.identity, 0)
		if i > 0 {
			w.identity[i] = w.identity[i-1] + max(1, s.Clients[i-1].Identities)
		}
		w.populations[i].arrivals = random{mix(s.Seed + uint64(i)*golden)}
	}
	w.schedule(s.Warmup, evWarm, 0, 0)
	w.schedule(s.Duration+s.Drain, evEnd, 0, 0)
	for _, t := range s.Triggers {
		w.schedule(t.At, evTrigger, 0, 0)
		if t.For > 0 {
			w.schedule(t.At+t.For, evTrigger, 0, 0)
		}
	}
	for i, sp := range s.Spans {
		w.schedule(sp.From, evSpan, uint32(i), 1)
		w.schedule(sp.To, evSpan, uint32(i), 0)
	}
	if s.Service.PauseFor > 0 {
		w.schedule(s.Service.PauseEvery, evPause, 0, 0)
	}
	w.schedule(s.Bucket/8, evSample, 0, 0)
	w.tickAt = Never
	w.gate = newGate(w)
	w.tick()
	for i := range w.populations {
		w.scheduleArrival(i, w.interval(i))
	}
}

func (w *World) tick() {
	w.tickAt = Never
	if at := w.gate.Tick(w.now); at != Never {
		// A gate that asks for now would stop the time.
		w.WakeAt(max(at, w.now+1))
	}
}

// step lets the next event happen, and says whether there are more.
func (w *World) step() bool {
	v := &w.service
	if v.finish.len() > 0 && !v.paused {
		if at := v.finish.events[0].at + int64(v.behind); at <= w.heap.events[0].at {
			w.now = max(w.now, time.Duration(at))
			w.result.Events++
			w.complete(w.attempts.at(v.finish.pop().ref))
			return true
		}
	}
	e := w.heap.pop()
	w.now = time.Duration(e.at)
	w.result.Events++
	switch e.kind {
	case evArrival:
		if w.populations[e.ref].gen == e.gen {
			w.arrive(int(e.ref))
		}
	case evTimeout:
		if a := w.attempts.at(e.ref); a.gen == e.gen && a.wants {
			w.giveUp(a)
		}
	case evRetry:
		if c := w.calls.at(e.ref); c.gen == e.gen {
			w.try(c)
		}
	case evAnswer:
		w.answer(w.attempts.at(e.ref))
	case evRefusal:
		w.refuse(w.attempts.at(e.ref))
	case evTick:
		if e.gen == w.tickGen {
			w.tick()
		}
	case evTrigger:
		w.change()
	case evSpan:
		w.turnSpan(e.ref, e.gen == 1)
	case evPause:
		w.pause()
	case evSample:
		w.sample()
		w.schedule(w.now+w.s.Bucket/4, evSample, 0, 0)
	case evWarm:
		w.open(&w.all)
	case evEnd:
		return false
	}
	return true
}

// nominal returns how much work a second those who send now ask for, in workers.
func (w *World) nominal() float64 {
	load := 0.0
	for i := range w.s.Clients {
		p := &w.s.Clients[i]
		mean := w.s.Service.MeanTime()
		if p.Class > 0 {
			mean = w.s.Service.Classes[p.Class-1].Time.Mean
		}
		load += p.rate(w.now, 1) * mean.Seconds()
	}
	return load
}

// hasRoom says whether the service has room, so that nothing should be shed:
// by what is offered, less than 70% of it would be used, and less than 70% is
// used (it isn't, while it works off what an overload left behind).
func (w *World) hasRoom() bool {
	const room = 0.7
	if w.cond.workers == 0 || w.load*w.cond.load*w.cond.slow*w.cold() > room*float64(w.cond.workers) {
		return false
	}
	w.service.use.advance(w.now)
	return w.service.use.recent() <= room
}

func (w *World) measuring() bool { return w.now >= w.s.Warmup && w.now < w.s.Duration }

// bucket returns the point of the series that it is now; -1 in the warm-up and
// while draining.
func (w *World) bucket() int {
	if !w.measuring() {
		return -1
	}
	return min(int(w.now%w.s.Fold/w.s.Bucket), len(w.series)-1)
}
