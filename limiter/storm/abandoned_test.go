package storm

import (
	"math/rand/v2"
	"testing"
	"time"
)

// traffic is what is asked of a detector, in milliseconds.
type traffic struct {
	d     *Detector
	start time.Time
	print uint64
}

func newTraffic() *traffic {
	start := time.Unix(1_000_000, 0)
	return &traffic{d: New(Config{}, start), start: start}
}

func (q *traffic) at(ms int) time.Time { return q.start.Add(time.Duration(ms) * time.Millisecond) }

// fresh is a request that nobody has made before.
func (q *traffic) fresh(client uint64) Request {
	q.print++
	return Request{Print: mix(q.print), Exact: true, Client: client}
}

// ask makes a request that takes so long, and says whether it was let in.
func (q *traffic) ask(ms int, r Request, took int, o Outcome) (Request, bool) {
	q.d.Arrive(q.at(ms), &r)
	if !q.d.Admit(q.at(ms), &r) {
		q.d.End(q.at(ms), &r, Shed)
		return r, false
	}
	q.d.End(q.at(ms+took), &r, o)
	return r, true
}

// TestLeavingIsNoFailure: beside a service that is well, some leave before they
// are answered. That is no reason to refuse others' retries, be it many who
// leave soon or some who leave late.
func TestLeavingIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rate int // a second, beside 20 that are answered
		age  int // ms
	}{
		{"three at once", 3, 0}, {"as many", 20, 0}, {"far more, soon", 100, 60}, {"late", 10, 3000},
	} {
		q, asked, refused := newTraffic(), 0, 0
		for ms := range 30_000 {
			if ms%50 == 0 {
				q.ask(ms, q.fresh(1+q.print%50), 30, Useful)
			}
			if ms > 5000 && ms%(1000/c.rate) == 0 {
				q.ask(ms, q.fresh(666), c.age, Abandoned)
			}
			if ms > 8000 && ms%250 == 0 { // others' third attempts
				r := q.fresh(1 + q.print%50)
				r.Says = 3
				asked++
				if _, ok := q.ask(ms, r, 30, Useful); !ok {
					refused++
				}
			}
		}
		if s := q.d.Status(q.at(30_000)); refused > 0 || asked < 80 || s.Entered["storm"] > 0 {
			t.Errorf("%s: %d of %d retries were refused; %s: %s", c.name, refused, asked, s.State, s.Why)
		}
	}
}

// TestHangingIsFailure: a service that answers hardly anyone any more, so that
// those who ask leave late, is as bad as one that fails.
func TestHangingIsFailure(t *testing.T) {
	t.Parallel()
	q := newTraffic()
	for ms := range 12_000 {
		switch {
		case ms%10 > 0:
		case ms < 6000:
			q.ask(ms, q.fresh(1+q.print%50), 30, Useful)
		default:
			r := q.fresh(1 + q.print%50)
			r.Says = 1 + ms/10%2
			q.ask(ms, r, 400, Abandoned)
		}
	}
	if s := q.d.Status(q.at(12_000)); s.State != "storm" {
		t.Errorf("%s: %s", s.State, s.Why)
	}
}

// TestSharedAddress: many share an address and ask for the same hundred things;
// one of them asks for all of them and leaves, soon or late. No first attempt of
// the others is refused for that, also where the service is congested.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{5, 10, 20, 40} {
		for _, age := range []int{0, 50, 2000} {
			for _, congested := range []bool{false, true} {
				random := rand.New(rand.NewPCG(1, 2))
				q, asked, refused := newTraffic(), 0, 0
				one := func() Request { return Request{Print: 1000 + random.Uint64N(100), Client: 7} }
				for ms := range 120_000 {
					if random.IntN(100) == 0 {
						_, ok := q.ask(ms, one(), 30, Useful)
						if asked++; !ok {
							refused++
						}
					}
					if ms > 60_000 && random.IntN(1000) < rate {
						q.ask(ms, one(), age, Abandoned)
					}
					if congested && ms > 60_000 && ms%100 == 0 {
						q.ask(ms, q.fresh(9), 0, Shed)
					}
				}
				if refused > 0 {
					t.Errorf("%d a second leave after %d ms, congested %v: %d of %d first attempts of others were refused", rate, age, congested, refused, asked)
				}
			}
		}
	}
}

// TestPollerWithinATrace: an id that a caller repeats with each poll makes no
// retries of them while the service fails.
func TestPollerWithinATrace(t *testing.T) {
	t.Parallel()
	q := newTraffic()
	for s := range 200 {
		r, o := Request{Print: 5, Exact: true, Also: 6, Client: 1}, Useful
		if s >= 180 {
			o = Failed
		}
		if r, _ = q.ask(1000*s, r, 20, o); r.Attempt > 1 {
			t.Fatalf("poll %d is called attempt %d", s, r.Attempt)
		}
	}
	for n := 2; n < 5; n++ { // but what comes at once is one
		r, _ := q.ask(199_000+100*n, Request{Print: 5, Exact: true, Also: 6, Client: 1}, 20, Failed)
		if r.Attempt != n || r.belief != certain {
			t.Errorf("attempt %d, not %d", r.Attempt, n)
		}
	}
}

// TestDoubted: what looks the same as one whose client left is counted as a
// retry, and is to be treated like a first attempt.
func TestDoubted(t *testing.T) {
	t.Parallel()
	q := newTraffic()
	r := Request{Print: 7, Client: 1}
	q.ask(1000, r, 1200, Abandoned)
	if again, ok := q.ask(2300, r, 0, Shed); !ok || again.Attempt != 2 || !again.Doubted {
		t.Errorf("after one that left: %+v", again)
	}
	if again, _ := q.ask(2400, r, 20, Useful); again.Attempt != 3 || again.Doubted {
		t.Errorf("after one that was refused: %+v", again)
	}
}
