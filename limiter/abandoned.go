package limiter

import "time"

// abandoned holds the permits of requests that nobody waits for any more: the
// client left, or the deadline passed. Most services don't notice and work on,
// so what was given back would be given to one request too many, and the more
// clients leave, the longer the service's own queue would become. A permit is
// therefore free only when the service is done with the request, as far as can
// be told: when one that was dispatched later is answered, or when as much
// time again has passed, within bounds: a service that does notice must not
// stand idle for long.
type abandoned struct {
	ring  []ghost
	first int
	n     int
}

// ghost is what remains of a request that was abandoned.
type ghost struct {
	entered      int64 // when it was dispatched
	since, until int64 // when the service got it, and is believed to be done with it
	class        int
	in           uint32
	step, cohort uint32
	occupancy    float32
	waited       bool
}

const (
	// again is how many times a request's age it is believed to be worked on,
	// at most, and for no longer than againBaselines more, nor out of these bounds.
	again          = 2
	againBaselines = 4
	againLeast     = int64(time.Second)
	againMost      = int64(5 * time.Second)
)

// push takes one that was abandoned, with its class's baseline in ns.
func (a *abandoned) push(now int64, w *Waiter, baseline float64) {
	since := w.since
	if w.Latency > 0 { // what came before was the client's time, not the service's
		since = now - int64(w.Latency)
	}
	a.take(ghost{
		entered: w.since, since: since, until: now + min((again-1)*(now-since), min(max(againLeast, int64(againBaselines*baseline)), againMost)),
		class: w.Class, in: w.in, step: w.step, cohort: w.cohort, occupancy: w.occupancy, waited: w.waited,
	})
}

func (a *abandoned) take(g ghost) {
	if a.n == len(a.ring) {
		grown := make([]ghost, max(16, 2*a.n))
		for i := range a.n {
			grown[i] = a.ring[(a.first+i)%len(a.ring)]
		}
		a.ring, a.first = grown, 0
	}
	a.ring[(a.first+a.n)%len(a.ring)] = g
	a.n++
}

func (a *abandoned) pop() ghost {
	g := a.ring[a.first]
	a.first = (a.first + 1) % len(a.ring)
	a.n--
	return g
}

// move takes a class's requests to another.
func (a *abandoned) move(to *abandoned, class int) {
	for range a.n {
		g := a.pop()
		if g.class == class {
			to.take(g)
		} else {
			a.take(g)
		}
	}
}

// done takes out the first of them if the service is done with it: since is
// when the latest request that was answered had been dispatched.
func (a *abandoned) done(now, since int64) (g ghost, overtaken, ok bool) {
	if a.n == 0 {
		return g, false, false
	}
	g = a.ring[a.first]
	overtaken = g.since < since
	if !overtaken && now < g.until {
		return g, false, false
	}
	return a.pop(), overtaken, true
}

// bury gives back the permits of abandoned requests with which the service is done.
func (l *Limiter) bury(now int64, from *group, since int64) {
	for {
		g, overtaken, ok := from.left.done(now, since)
		if !ok {
			return
		}
		if l.cfg.Fixed > 0 {
			continue
		}
		w := Waiter{Class: g.class, in: g.in, step: g.step, cohort: g.cohort, occupancy: g.occupancy, waited: g.waited, since: g.entered}
		if g.in != from.id { // as in End
			w.cohort = 0
		}
		done := now
		if !overtaken {
			done = min(now, g.until)
		}
		l.sample(now, from, &w, float64(max(done-g.since, 1)), !overtaken)
	}
}

// buryAll does so in all groups.
func (l *Limiter) buryAll(now int64) {
	l.bury(now, &l.group, 0)
	for _, g := range l.apart.groups[:l.apart.n] {
		l.bury(now, g, 0)
	}
}
