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
	c := s.condition(at)
	if c.down || c.workers == 0 {
		return 0
	}
	var offered, dear, intime float64
	for _, p := range s.Clients {
		rate := p.Rate * c.load
		offered += rate
		q := s.inTime(&p, c.slow)
		mean := s.Service.MeanTime()
		if p.Class > 0 {
			mean = s.Service.Classes[p.Class-1].Time.Mean
		}
		dear += rate * mean.Seconds() * c.slow
		intime += rate * q
	}
	if offered == 0 {
		return 0
	}
	// One in how many, and what each costs, over the mix of populations.
	capacity := float64(c.workers) / (dear / offered)
	return min(offered, capacity*intime/offered)
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
	total := 0.0
	for _, sp := range s.Spans {
		if sp.Group != group {
			continue
		}
		// The world changes at triggers only: constant between them.
		for at := sp.From; at < sp.To; {
			next := s.nextChange(at, sp.To)
			total += s.Ideal(at) * (next - at).Seconds()
			at = next
		}
	}
	return total
}

func (s *Scenario) nextChange(after, until time.Duration) time.Duration {
	next := until
	for _, t := range s.Triggers {
		for _, at := range [...]time.Duration{t.At, t.At + t.For} {
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
		work += p.Rate * c.load * mean.Seconds()
	}
	return work * c.slow / float64(c.workers)
}
