package storms

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/judge"
	"github.com/levee-proxy/levee/internal/rehearsal/levee"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	detector "github.com/levee-proxy/levee/limiter/storm"
)

// Measures are what one run is worth. Shares are of 1.
type Measures struct {
	// Upstream is how many attempts reached the service during the trigger, as
	// a share of what it can work off in that time; while it is down, of what
	// it could if it weren't.
	Upstream float64
	// Goodput is what was answered well during the trigger as a share of what
	// the best possible limiter could have; meaningless while the service is down.
	Goodput float64
	// Attempts counts what clients sent from the trigger's begin to the run's
	// end, Requests what users asked for in that time.
	Attempts, Requests int
	// Amplification is attempts for each request during the trigger.
	Amplification float64
	// Known is how long after the first refusal or failure of the trigger the
	// state was storm; negative: never.
	Known time.Duration
	// Retries is how many retries reached the service during the trigger, as a
	// share of what was answered well: all of them, also those that the
	// detector took for first attempts.
	Retries float64
	// RetryRate is how many a second did from a second after the trigger's
	// begin on; for a service that is down.
	RetryRate float64
	// Recovery is how long after the trigger's end 99% of what came was good
	// again for good, in seconds; infinite for never. Undone says that it had
	// been so before.
	Recovery float64
	Undone   bool
	// ShedBefore counts what was shed before the trigger; none should be.
	ShedBefore int
	// By is the share of requests answered well during the trigger, by population.
	By []float64

	result  *sim.Result
	changes []levee.Change
}

// Play runs a scenario with an arm and a seed.
func (s *Scenario) Play(a Arm, seed uint64) (Measures, error) {
	world := s.Scenario
	world.Seed = seed
	gate, ours := a.gate(s.From)
	r, err := sim.Run(world, gate)
	if err != nil {
		return Measures{}, err
	}
	before, during, rest := &r.Groups[spanBefore], &r.Groups[spanDuring], &r.Groups[spanAfter]
	m := Measures{
		Upstream:   float64(during.Dispatched) / s.capacity(),
		Goodput:    share(during.Good, s.IdealOf(spanDuring, during.Offered)),
		Attempts:   during.Attempts + rest.Attempts,
		Requests:   during.Offered + rest.Offered,
		Retries:    share(during.DispatchedRetries, float64(during.Good)),
		RetryRate:  s.retryRate(r.Series),
		ShedBefore: before.ShedTotal(),
		Known:      -1,
		result:     r,
	}
	m.Amplification = share(during.Attempts, float64(during.Offered))
	for _, t := range during.By {
		m.By = append(m.By, share(t.Good, float64(t.Offered)))
	}
	m.Recovery, m.Undone = judge.Recovery(r.Series, r.Bucket, s.To, 1)
	if g := ours(); g != nil {
		m.changes = g.Changes()
		m.Known = known(m.changes, s.From, g.Trouble())
	}
	return m, nil
}

// onset is how long it may take until a storm is known.
const onset = time.Second

func (s *Scenario) retryRate(points []sim.Point) float64 {
	n := 0
	for i := int((s.From + onset) / s.Bucket); i < int(s.To/s.Bucket); i++ {
		n += points[i].Again
	}
	return float64(n) / (s.To - s.From - onset).Seconds()
}

// known returns how long after the first trouble the state was storm.
func known(changes []levee.Change, from, trouble time.Duration) time.Duration {
	for _, c := range changes {
		if c.At >= from && c.State == detector.Storm {
			return max(0, c.At-trouble)
		}
	}
	return -1
}

func share(n int, of float64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / of
}
