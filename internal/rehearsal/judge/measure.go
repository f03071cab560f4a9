package judge

import (
	"math"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Measures are what one run is worth, in the terms of the verdict. What a run
// says nothing about is NaN.
type Measures struct {
	// Goodput is the share of the ideal that was answered in time in overload.
	Goodput float64
	// Versus is the goodput as a share of the best fixed limit's.
	Versus float64
	// IdleShed is the share of attempts that were shed of those that came while
	// at most 70% of the service was used and asked for.
	IdleShed float64
	// Recovery is how many seconds after the overload's end the requests that
	// came began to be answered well again, for good; infinite for never.
	Recovery float64
	// Undone says that it had recovered once before.
	Undone bool
	// Tail is the p99 of dispatched attempts in overload, as a share of what
	// is allowed: twice the p99 of the unloaded service, plus the queue's
	// target of max(5 ms, a quarter of the mean service time).
	Tail float64
	// Drift is the share of attempts shed after the first 5 s, once the
	// service has become slower and wider.
	Drift float64
}

func unknown() Measures {
	nan := math.NaN()
	return Measures{Goodput: nan, Versus: nan, IdleShed: nan, Recovery: nan, Tail: nan, Drift: nan}
}

// queueTarget is what the queue may add to the p99.
func queueTarget(mean time.Duration) time.Duration { return max(5*time.Millisecond, mean/4) }

// tailBound returns the p99 that is allowed while the service is slowed.
func tailBound(s *sim.Service, slow float64) time.Duration {
	mean := time.Duration(float64(s.MeanTime()) * slow)
	return 2*s.Quantile(0.99, slow) + queueTarget(mean)
}

// leastAttempts is how many must have come in a state for its share to be judged.
const leastAttempts = 100

// measure judges a run of a cell. calm is the share of requests that are
// answered in time when the cell is never overloaded.
func (c Cell) measure(s *sim.Scenario, r *sim.Result, calm float64) Measures {
	m := unknown()
	if r.All.IdleAttempts >= leastAttempts {
		m.IdleShed = float64(r.All.IdleShed) / float64(r.All.IdleAttempts)
	}
	if c.Load <= 1 {
		return m
	}
	over := &r.Groups[groupOverload]
	m.Goodput = float64(over.Good) / s.IdealOf(groupOverload, over.Offered)
	m.Tail = math.Inf(1)
	if over.Latency.Count() > 0 {
		m.Tail = float64(over.Latency.Quantile(0.99)) / float64(tailBound(&s.Service, 1))
	}
	if c.Course == Surging {
		m.Recovery, m.Undone = Recovery(r.Series, r.Bucket, s.Fold*2/3, calm)
	}
	return m
}

// Recovery returns from which moment on, after a trigger's end, all that comes
// is answered as well as it should be (99% of calm), and whether that had been
// so for a second before and was lost again.
//
// It looks at stretches of the series with at least `steady` requests each, so
// that single failures in a trickle aren't mistaken for an outage.
func Recovery(points []sim.Point, width, end time.Duration, calm float64) (seconds float64, undone bool) {
	const steady = 300
	first := int((end + width - 1) / width)
	last, wellSince, wasWell := first-1, -1, false
	judged := false
	for i := first; i < len(points); i++ {
		offered, answered := 0, 0
		for j := i; j < len(points) && offered < steady; j++ {
			offered += points[j].Offered
			answered += points[j].Answered
		}
		if offered < steady && judged {
			break // what is left is too little to be judged
		}
		judged = true
		if float64(answered) >= 0.99*calm*float64(offered) {
			if wellSince < 0 {
				wellSince = i
			}
			continue
		}
		if wellSince >= 0 && time.Duration(i-wellSince)*width >= time.Second {
			wasWell = true
		}
		wellSince, last = -1, i
		undone = wasWell
	}
	if wellSince < 0 {
		return math.Inf(1), undone
	}
	return (time.Duration(last+1-first) * width).Seconds(), undone
}
