package storm

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// service is one that does a number of requests at once, behind a limiter that
// sheds the others, with a detector in front of it.
type service struct {
	world
	width    int
	takes    time.Duration
	inflight int

	attempts, sent, good, retriesSent int
	firstSheds                        int // of first attempts, by the budget
}

func newService(cfg Config, seed uint64) *service {
	s := &service{takes: 50 * time.Millisecond}
	s.start, s.rand, s.next = time.Unix(1_000_000, 0), rand.New(rand.NewPCG(seed, 2)), 1000
	s.d = New(cfg, s.start)
	return s
}

// perSecond sets what the service can do.
func (s *service) perSecond(n float64) { s.width = max(1, int(n*s.takes.Seconds())) }

// ask makes an attempt, and calls done with whether it was answered, and else what was told.
func (s *service) ask(r Request, first bool, done func(ok bool, a Answer)) {
	now := s.start.Add(s.now)
	s.d.Arrive(now, &r)
	s.attempts++
	admitted := s.d.Admit(now, &r)
	if !admitted || s.inflight >= s.width {
		if !admitted && first {
			s.firstSheds++
		}
		a := s.d.Answer(now, &r)
		s.d.End(now, &r, Shed)
		done(false, a)
		return
	}
	s.inflight++
	s.sent++
	if !first {
		s.retriesSent++
	}
	s.after(s.about(s.takes, 0.3), func() {
		s.inflight--
		s.good++
		s.d.End(s.start.Add(s.now), &r, Useful)
		done(true, Answer{})
	})
}

// arrivals calls do as often a second as rate says, by chance.
func (s *service) arrivals(until time.Duration, rate func(at time.Duration) float64, do func()) {
	var again func()
	again = func() {
		if s.now >= until {
			return
		}
		do()
		heap.Push(&s.events, event{s.now + s.exponential(time.Duration(float64(time.Second)/rate(s.now))), again})
	}
	s.after(0, again)
}

// insist asks until it is answered or as many attempts have failed as may,
// whatever it is told.
func (s *service) insist(r Request, says bool, most int, backoff func(n int) time.Duration, done func(ok bool)) {
	var try func(n int)
	try = func(n int) {
		if says {
			r.Says = n
		}
		s.ask(r, n == 1, func(ok bool, _ Answer) {
			if ok || n >= most {
				done(ok)
				return
			}
			s.after(backoff(n), func() { try(n + 1) })
		})
	}
	try(1)
}
