package sim

import "time"

// service is the running state of a [Service].
//
// Workers finish by a clock of the service's own, which stands still during a
// pause: so a pause delays all that is being worked on without touching it.
type service struct {
	finish heap          // who is being worked on, by the service's clock
	behind time.Duration // how far the service's clock is behind the world's
	paused bool
	since  time.Duration // of the pause

	workers int
	busy    int
	accept  ring // attempts that wait for a worker

	coldFrom time.Duration // end of the last restart; negative before the first

	use usage
}

// usage integrates over time how many workers there were and how many were
// busy, in worker-nanoseconds.
type usage struct {
	at         time.Duration
	busy, have float64
	marks      [2]mark // the last two, window apart: recent covers one to two windows
	window     time.Duration
	workersNow int
	busyNow    int
}

type mark struct {
	at         time.Duration
	busy, have float64
}

func (u *usage) advance(now time.Duration) {
	dt := float64(now - u.at)
	u.busy += dt * float64(u.busyNow)
	u.have += dt * float64(u.workersNow)
	u.at = now
	if now-u.marks[1].at >= u.window {
		u.marks[0], u.marks[1] = u.marks[1], mark{now, u.busy, u.have}
	}
}

// recent returns the share of workers that were busy lately: 1 when there was
// none at all.
func (u *usage) recent() float64 {
	m := u.marks[0]
	have := u.have - m.have
	if have <= 0 {
		return 1
	}
	return (u.busy - m.busy) / have
}

// ring is a queue of slots, first in, first out.
type ring struct {
	slots []uint32
	head  int
	n     int
}

func (r *ring) push(slot uint32) {
	if r.n == len(r.slots) {
		bigger := make([]uint32, max(64, 2*r.n))
		for i := range r.n {
			bigger[i] = r.slots[(r.head+i)%len(r.slots)]
		}
		r.slots, r.head = bigger, 0
	}
	r.slots[(r.head+r.n)%len(r.slots)] = slot
	r.n++
}

func (r *ring) pop() uint32 {
	slot := r.slots[r.head]
	r.head = (r.head + 1) % len(r.slots)
	r.n--
	return slot
}

// receive takes an attempt that the gate has dispatched.
func (w *World) receive(a *Attempt) {
	a.place = inService
	v := &w.service
	switch {
	case w.cond.down, w.s.Service.AcceptQueue > 0 && v.accept.n >= w.s.Service.AcceptQueue:
		w.schedule(w.now+turnaround, evRefusal, a.Slot, a.gen)
	case v.busy < v.workers:
		w.begin(a)
	default:
		v.accept.push(a.Slot)
	}
}

// begin lets a worker start on an attempt, whether anyone waits for it or not.
func (w *World) begin(a *Attempt) {
	v := &w.service
	v.use.advance(w.now)
	v.busy++
	v.use.busyNow = v.busy
	d := w.s.Service.Classes[a.Class].Time.Quantile(draw(w.s.Seed, a.id, a.Try, drawDemand))
	a.work = time.Duration(float64(d) * w.cond.slow * w.cold())
	a.began = w.now
	// During a pause the service's clock stands still: work begins, so to
	// say, with its end.
	clock := w.now - v.behind
	if v.paused {
		clock = v.since - v.behind
	}
	w.seq++
	v.finish.push(event{at: int64(clock + a.work), seq: w.seq, kind: evComplete, ref: a.Slot, gen: a.gen})
}

// cold returns by how much a slow start slows the service now.
func (w *World) cold() float64 {
	if w.service.coldFrom < 0 {
		return 1
	}
	return w.s.Service.cold(w.now - w.service.coldFrom)
}

// cold returns by how much the service is slowed so long after a restart.
func (s *Service) cold(since time.Duration) float64 {
	if s.ColdFactor <= 1 || since >= s.ColdFor {
		return 1
	}
	return 1 + (s.ColdFactor-1)*(1-float64(since)/float64(s.ColdFor))
}

// complete ends a worker's work on an attempt.
func (w *World) complete(a *Attempt) {
	v := &w.service
	v.use.advance(w.now)
	v.busy--
	v.use.busyNow = v.busy
	if !a.wants {
		w.all.Wasted += a.work
		w.cur.Wasted += a.work
	}
	w.staff()
	d := w.s.Service.Dependency
	if own := w.s.Service.Classes[a.Class].Dependency; own.Mean > 0 {
		d = own
	}
	if d.Mean > 0 {
		wait := d.Quantile(draw(w.s.Seed, a.id, a.Try, drawDependency))
		w.schedule(w.now+time.Duration(float64(wait)*w.cond.dependency), evAnswer, a.Slot, a.gen)
		return
	}
	w.answer(a)
}

// staff gives the free workers something to do.
func (w *World) staff() {
	v := &w.service
	for v.busy < v.workers && v.accept.n > 0 {
		w.begin(w.attempts.at(v.accept.pop()))
	}
}

// answer brings the service's answer to the gate and to the client.
func (w *World) answer(a *Attempt) {
	a.place = gone
	if a.open {
		a.open = false
		w.gate.Done(w.now, a, Success)
	}
	if a.wants {
		w.answered(a)
	}
	w.release(a)
}

// refuse brings an error to the gate and to the client.
func (w *World) refuse(a *Attempt) {
	a.place = gone
	if a.open {
		a.open = false
		w.gate.Done(w.now, a, Dropped)
	}
	if a.wants {
		w.failed(a, endError, Word{})
	}
	w.release(a)
}

// change applies the conditions that begin now.
func (w *World) change() {
	before := w.cond
	w.cond = w.s.condition(w.now)
	v := &w.service
	v.use.advance(w.now)
	if w.cond.down && !before.down {
		w.kill()
	}
	if since, ok := w.s.restarted(w.now); ok && since == 0 {
		v.coldFrom = w.now
	}
	v.workers = w.cond.workers
	v.use.workersNow = v.workers
	w.staff()
	w.load = w.nominal()
	for i := range w.populations {
		p := &w.s.Clients[i]
		if w.cond.load != before.load || p.rate(w.now, w.cond.load) != w.populations[i].rate {
			w.reschedule(i)
		}
	}
}

// kill ends all work with errors; what waits for the dependency only is
// answered still.
func (w *World) kill() {
	v := &w.service
	for v.finish.len() > 0 {
		e := v.finish.pop()
		w.schedule(w.now, evRefusal, e.ref, e.gen)
	}
	for v.accept.n > 0 {
		slot := v.accept.pop()
		w.schedule(w.now, evRefusal, slot, w.attempts.at(slot).gen)
	}
	v.busy, v.use.busyNow = 0, 0
}

// pause stops the service, or lets it go on.
func (w *World) pause() {
	v := &w.service
	v.paused = !v.paused
	if v.paused {
		v.since = w.now
		w.schedule(w.now+w.s.Service.PauseFor, evPause, 0, 0)
		return
	}
	v.behind += w.now - v.since
	w.schedule(v.since+w.s.Service.PauseEvery, evPause, 0, 0)
}
