package server

import (
	"context"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// sweepEvery is how often requests that take long are looked at, and from which
// age on. Older ones are looked at more rarely: after an eighth of their age,
// but every second.
const (
	sweepEvery  = 50 * time.Millisecond
	sweepRarest = int(time.Second / sweepEvery) // looks
)

// sweep finds the clients that have left while their requests run: one timer
// looks at all requests that take longer than sweepEvery. Nearly all are over
// before; they cost two short locks.
type sweep struct {
	mu    sync.Mutex
	first *exchange // by age, the oldest first
	last  *exchange
	timer *time.Timer
	runs  bool
	count int         // of looks, and of the timer's starts
	due   []*exchange // of one look, used again
}

// place is an exchange's in the sweep's list.
type place struct {
	watched    bool
	prev, next *exchange
	since      int // the count then
	look       int // at which count next, at the earliest
}

// Waited puts the exchange under watch, unless it is. Its context must be locked,
// and not have ended. It implements [h1.Heed].
func (x *exchange) Waited() {
	if x.watching {
		return
	}
	x.watching = true
	s := &x.c.s.sweep
	s.mu.Lock()
	defer s.mu.Unlock()
	x.place = place{watched: true, prev: s.last, since: s.count}
	if s.last == nil {
		s.first = x
	} else {
		s.last.place.next = x
	}
	s.last = x
	if s.runs {
		return
	}
	s.runs = true
	s.count++ // so that the first look finds it a whole interval old
	if s.timer == nil {
		s.timer = time.AfterFunc(sweepEvery, s.run)
		return
	}
	s.timer.Reset(sweepEvery)
}

// unwatch ends that.
func (x *exchange) unwatch() {
	s := &x.c.s.sweep
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &x.place
	if !p.watched {
		return
	}
	if p.prev == nil {
		s.first = p.next
	} else {
		p.prev.place.next = p.next
	}
	if p.next == nil {
		s.last = p.prev
	} else {
		p.next.place.prev = p.prev
	}
	*p = place{}
}

// unwatchForGood ends the watch over the connection, whoever waits. Whoever has
// hijacked it reads from it, and takes an end of what the client sends for what it is.
func (x *exchange) unwatchForGood() {
	x.ctx.Tell(nil)
	if x.watching {
		x.unwatch()
	}
	x.watching = true
}

// run is one look, after which the timer is set again if there is anything to
// look at. It doesn't stop for less: a timer that is stopped and set with every
// request would cost each of them.
func (s *sweep) run() {
	socket.Count()
	s.mu.Lock()
	s.count++
	due := s.due[:0]
	for x := s.first; x != nil; x = x.place.next {
		p := &x.place
		age := s.count - p.since - 1 // in whole intervals
		if age < 1 {
			break // and so are all that follow
		}
		if s.count >= p.look {
			p.look = s.count + min((age+7)/8, sweepRarest)
			x.looked = true
			due = append(due, x)
		}
	}
	s.mu.Unlock()
	for _, x := range due {
		if x.departed() {
			x.ctx.End(context.Canceled)
		}
	}
	s.mu.Lock()
	clear(due)
	s.due = due[:0]
	if s.runs = s.first != nil; s.runs {
		s.timer.Reset(sweepEvery)
	}
	s.mu.Unlock()
}

// departed says whether the client has left. As long as there is more of a body
// to read, an end of what it sends is a matter of reading.
func (x *exchange) departed() bool {
	half, gone := x.c.wire.look()
	return gone || half && x.body.ended.Load()
}
