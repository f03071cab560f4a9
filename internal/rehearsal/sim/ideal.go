package sim

import (
	"math"
	"time"
)

// Ideal returns how many requests a second the best possible limiter could get
// answered in time at a moment: all that are offered, or as many as the service
// can work off, less those that take longer than their client waits even if
// they are worked on at once. (The service works on them to the end all the
// same, and nobody knows beforehand which ones they are.)
//
// For retrying clients it is an upper bound: it lets those that took too long
// succeed at their next attempt for free when there is room.
func (s *Scenario) Ideal(at time.Duration) float64 {
	offered, possible := s.limits(at)
	return min(offered, possible)
}

// limits returns how many requests a second are offered at a moment, and how
// many the service could answer in time.
func (s *Scenario) limits(at time.Duration) (offered, possible float64) {
	c := s.condition(at)
	if since, ok := s.restarted(at); ok {
		c.slow *= s.Service.cold(since)
	}
	var dear, intime float64
	for _, p := range s.Clients {
		rate := p.rate(at, c.load)
		if p.Beside || rate == 0 {
			continue
		}
		offered += rate
		q := s.inTime(&p, c.slow)
		mean := s.Service.MeanTime()
		if p.Class > 0 {
			mean = s.Service.Classes[p.Class-1].Time.Mean
		}
		dear += rate * mean.Seconds() * c.slow
		intime += rate * q
	}
	if offered == 0 || c.workers == 0 {
		return offered, 0
	}
	// What each costs, and which share is in time, over the mix of populations.
	capacity := float64(c.workers) / (dear / offered)
	return offered, capacity * intime / offered
}

// inTime returns the share of attempts of a population that are answered
// before their client gives them up, if a worker takes them at once.
func (s *Scenario) inTime(p *Population, slow float64) float64 {
	patience := p.Timeout
	if p.Deadline > 0 && (patience == 0 || p.Deadline < patience) {
		patience = p.Deadline
	}
	if patience == 0 {
		return 1
	}
	if p.Class > 0 {
		return s.Service.Classes[p.Class-1].Time.Scale(slow).CDF(patience)
	}
	return s.Service.CDF(patience, slow)
}

// IdealGood returns how many requests the best possible limiter could get
// answered in time in the spans of a group.
func (s *Scenario) IdealGood(group int) float64 {
	good, _ := s.integrate(group, 1)
	return good
}

// IdealOf is IdealGood for a run in which so many came in these spans: chance
// lets more or fewer come than the rate says.
func (s *Scenario) IdealOf(group, came int) float64 {
	_, nominal := s.integrate(group, 1)
	if nominal == 0 {
		return 0
	}
	good, _ := s.integrate(group, float64(came)/nominal)
	return good
}

// integrate returns how many could be answered in time in a group's spans, and
// how many are offered, if the offered load is scaled.
func (s *Scenario) integrate(group int, scale float64) (good, total float64) {
	for _, sp := range s.Spans {
		if sp.Group != group {
			continue
		}
		// The world changes at triggers only, and while it starts slowly.
		for at := sp.From; at < sp.To; {
			next := s.nextChange(at, sp.To)
			offered, possible := s.limits(at)
			span := (next - at).Seconds()
			total += offered * span
			good += min(offered*scale, possible) * span
			at = next
		}
	}
	return good, total
}

func (s *Scenario) nextChange(after, until time.Duration) time.Duration {
	next := until
	if since, ok := s.restarted(after); ok && since < s.Service.ColdFor {
		next = min(next, after+max(s.Service.ColdFor/100, time.Microsecond))
	}
	for _, t := range s.Triggers {
		for _, at := range [...]time.Duration{t.At, t.At + t.For} {
			if at > after && at < next {
				next = at
			}
		}
	}
	for i := range s.Clients {
		for _, at := range [...]time.Duration{s.Clients[i].From, s.Clients[i].Until} {
			if at > after && at < next {
				next = at
			}
		}
	}
	return next
}

// Load returns what is offered at a moment, as a share of what the service can
// work off then; infinite if it is down.
func (s *Scenario) Load(at time.Duration) float64 {
	c := s.condition(at)
	if c.workers == 0 {
		return math.Inf(1)
	}
	work := 0.0
	for _, p := range s.Clients {
		mean := s.Service.MeanTime()
		if p.Class > 0 {
			mean = s.Service.Classes[p.Class-1].Time.Mean
		}
		work += p.rate(at, c.load) * mean.Seconds()
	}
	return work * c.slow / float64(c.workers)
}
