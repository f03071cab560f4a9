package sim

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Scenario is one run: a service, its clients, and what happens to them.
type Scenario struct {
	// Name is for people.
	Name string
	// Seed decides everything that is left to chance.
	Seed uint64
	// Duration is how long clients send requests, and how long it is measured.
	Duration time.Duration
	// Warmup is how long at the start nothing is measured. Default: 0.
	Warmup time.Duration
	// Drain is how much longer the world goes on, without new requests and
	// without measuring, so that what is under way comes to its end. Default: 0.
	Drain time.Duration
	// Bucket is the width of the series' points. Default: a 200th of Fold.
	Bucket time.Duration
	// Fold lays the run over itself: the series' time is the time modulo Fold,
	// so that a scenario that repeats itself is measured as one period with
	// many requests. Default: Duration.
	Fold time.Duration
	// Trace also takes the latencies of every point of the series.
	Trace bool

	Service  Service
	Clients  []Population
	Triggers []Trigger
	// Spans are the times whose measures are summed up by group.
	Spans []Span
}

// Span is a stretch of time that is measured by itself; spans must not overlap.
type Span struct {
	From, To time.Duration
	// Group is an index into [Result.Groups]; spans of a group are summed up.
	Group int
}

// Service describes what stands behind the limiter.
type Service struct {
	// Workers is how many requests are worked on at once; at least 1.
	Workers int
	// Classes are the kinds of requests; at least one.
	Classes []Class
	// AcceptQueue bounds how many requests wait for a worker; one more is
	// refused. Default: 0, unbounded.
	AcceptQueue int
	// PauseEvery and PauseFor stop the whole service regularly, as a garbage
	// collector does. Default: 0, never.
	PauseEvery, PauseFor time.Duration
	// Dependency is waited for after a worker is done, without holding it: it
	// makes the service slower and wider, not less capable. Default: nothing.
	Dependency Dist
	// ColdFactor multiplies service times right after a restart, and ColdFor
	// is how long it takes to fall to 1, linearly. Default: 0, no slow start.
	ColdFactor float64
	ColdFor    time.Duration
}

// Class is a kind of request.
type Class struct {
	// Share is its part of all requests, relative to the others' shares.
	Share float64
	// Time is how long a worker takes for it.
	Time Dist
	// Dependency, if any, is waited for instead of the service's. Default: nothing.
	Dependency Dist
}

// OneClass returns the classes of a service that knows one kind of request.
func OneClass(shape Shape, mean time.Duration) []Class {
	return []Class{{Share: 1, Time: Dist{Shape: shape, Mean: mean}}}
}

// Population is a group of clients that behave alike and share nothing: each
// request comes when it comes, whatever happened to the others (an open loop).
type Population struct {
	// Rate is the mean number of first attempts a second.
	Rate float64
	// Even sends them at equal distances. Default: at random (Poisson).
	Even bool
	// From and Until bound when they send. Default: 0, from the start and to the end.
	From, Until time.Duration
	// Identities is how many clients there are; each request belongs to a
	// random one of them. Default: 1.
	Identities int
	// Targets is how many things each client asks for, one of them at random
	// with each request. Default: 1.
	Targets int
	// Polls makes each client ask for its first target again and again, at
	// equal distances, one client after the other.
	Polls bool
	// Beside keeps the population's requests out of what is offered and good,
	// and out of the ideal: they are load that the others must not feel.
	Beside bool
	// Priority is passed to the gate.
	Priority int
	// Class, if positive, is the only class asked for, counted from 1.
	// Default: 0, all of them by their shares.
	Class int

	// Timeout ends an attempt. Default: 0, patient clients that wait forever.
	Timeout time.Duration
	// Deadline ends the whole request, counted from its arrival. Default: 0, none.
	Deadline time.Duration
	// Announces tells the gate when the attempt will be given up.
	Announces bool
	// Silent clients don't reset what they give up: the gate isn't told, and
	// the permit is held until the service has answered.
	Silent bool
	// Retries is how many attempts follow a failed first one at most.
	Retries int
	Backoff Backoff
	// Above are the callers between the user and the client that speaks to the
	// gate, the nearest first. Each tries all that is below it again.
	Above []Layer
	// Obeys makes clients do what a refusal says: stop, or wait as long as
	// told. What a layer can't wait for is passed on to the one above.
	Obeys bool
	// Marked attempts carry an id that all attempts of a request share.
	// Default: they can be told apart by client and target alone.
	Marked bool
	// Numbered attempts say how often the lowest layer has tried.
	Numbered bool
}

// Layer is a caller that tries again what failed below it.
type Layer struct {
	// Timeout ends a try, with all that goes on below. Default: 0, none.
	Timeout time.Duration
	// Retries is how many tries follow the first one at most.
	Retries int
	Backoff Backoff
}

// layers bounds how many callers there are, one above the other.
const layers = 4

// Backoff is how long a client waits before it tries again.
type Backoff struct {
	// Base is the first wait. Default: 0, at once.
	Base time.Duration
	// Growth multiplies each further wait. Default: 1.
	Growth float64
	// Max bounds the wait. Default: 0, no bound.
	Max time.Duration
	// Jitter is the share of the wait that is random: 0 none, 1 "full".
	Jitter float64
}

// Wait returns the wait before the attempt after try (0 is the first attempt);
// u is random in [0, 1).
func (b Backoff) Wait(try int, u float64) time.Duration {
	d := float64(b.Base) * math.Pow(max(b.Growth, 1), float64(try))
	if b.Max > 0 {
		d = min(d, float64(b.Max))
	}
	return time.Duration(d * (1 - b.Jitter*u))
}

// active says whether the population sends at a moment.
func (p *Population) active(at time.Duration) bool {
	return at >= p.From && (p.Until == 0 || at < p.Until)
}

// rate returns how many first attempts a second come at a moment, if the load
// is multiplied.
func (p *Population) rate(at time.Duration, load float64) float64 {
	if !p.active(at) {
		return 0
	}
	return p.Rate * load
}

// layer returns how a layer tries again; 0 is the lowest.
func (p *Population) layer(i int) (retries int, b Backoff) {
	if i == 0 {
		return p.Retries, p.Backoff
	}
	return p.Above[i-1].Retries, p.Above[i-1].Backoff
}

// MeanTime returns the mean service time over all classes.
func (s *Service) MeanTime() time.Duration {
	var sum, shares float64
	for _, c := range s.Classes {
		sum += c.Share * float64(c.Time.Mean)
		shares += c.Share
	}
	return time.Duration(sum / shares)
}

// Capacity returns how many requests a second the untroubled service can work off.
func (s *Service) Capacity() float64 {
	return float64(s.Workers) / s.MeanTime().Seconds()
}

// CDF returns the share of requests that the service, slowed by a factor,
// answers within t of their start, the dependency not counted.
func (s *Service) CDF(t time.Duration, slow float64) float64 {
	var sum, shares float64
	for _, c := range s.Classes {
		sum += c.Share * c.Time.Scale(slow).CDF(t)
		shares += c.Share
	}
	return sum / shares
}

// Quantile returns the service time below which a share of q lies, when the
// service is slowed by a factor.
func (s *Service) Quantile(q, slow float64) time.Duration {
	if len(s.Classes) == 1 {
		return s.Classes[0].Time.Scale(slow).Quantile(q)
	}
	low, high := time.Duration(0), time.Duration(1)
	for s.CDF(high, slow) < q {
		high *= 2
	}
	for high-low > 1 {
		mid := low + (high-low)/2
		if s.CDF(mid, slow) < q {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// check says what is wrong with a scenario.
func (s *Scenario) check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("sim: scenario %q: "+format, append([]any{s.Name}, args...)...))
		}
	}
	bad(s.Duration <= 0, "no duration")
	bad(s.Warmup < 0 || s.Warmup > s.Duration, "a warm-up of %v", s.Warmup)
	bad(s.Drain < 0, "a drain of %v", s.Drain)
	bad(s.Service.Workers < 1, "no workers")
	bad(len(s.Service.Classes) == 0, "no classes")
	bad(len(s.Clients) == 0, "no clients")
	bad(s.Service.PauseFor > 0 && s.Service.PauseEvery <= s.Service.PauseFor, "pauses without end")
	for i, p := range s.Clients {
		bad(p.Rate < 0, "population %d sends at a negative rate", i)
		bad(p.Class > len(s.Service.Classes), "population %d asks for class %d", i, p.Class)
		bad(p.Retries < 0 || p.Retries > 100, "population %d retries %d times", i, p.Retries)
		bad(len(p.Above) >= layers, "population %d has %d layers above it", i, len(p.Above))
		for _, l := range p.Above {
			bad(l.Retries < 0 || l.Retries > 100, "a layer above population %d retries %d times", i, l.Retries)
		}
	}
	for i, t := range s.Triggers {
		bad(t.At < 0 || t.For < 0, "trigger %d is before the start", i)
		bad(t.Kind != Down && t.Kind != Restart && t.Factor < 0, "trigger %d has a negative factor", i)
	}
	return errors.Join(errs...)
}
