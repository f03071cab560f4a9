package judge

import (
	"math"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Named is a scenario with a story.
type Named struct {
	// File names its plot.
	File string
	// Story says what happens.
	Story string
	// From and To are the trigger's; both 0 if nothing happens.
	From, To time.Duration
	// Settles is how long after the trigger's end shedding is forgiven.
	Settles time.Duration
	// Seeds is how often it is played, each time with another seed: one trigger
	// of a few seconds is a matter of luck.
	Seeds int
	sim.Scenario
}

// The groups of a named scenario's spans.
const (
	spanBefore = iota // up to the trigger
	spanDuring
	spanAfter // from the trigger's end
	spanSettled
)

// storm is the service that all named scenarios are about: 16 workers, 40 ms
// on average, and clients that send 280 requests a second, give an attempt
// 400 ms, try again at once up to three times, and give up after 1.5 s in all.
// They use 70% of the service.
func storm(name, file, story string, from, lasts time.Duration, triggers ...sim.Trigger) Named {
	const duration = 40 * time.Second
	n := Named{File: file, Story: story, From: from, To: from + lasts, Settles: 5 * time.Second, Seeds: 8}
	n.Scenario = sim.Scenario{
		Name: name, Seed: 1, Duration: duration, Warmup: 2 * time.Second, Drain: 5 * time.Second,
		Bucket: 250 * time.Millisecond, Trace: true,
		Service: sim.Service{Workers: 16, Classes: sim.OneClass(sim.HalfFixed, 40*time.Millisecond)},
		Clients: []sim.Population{{
			Rate: 280, Timeout: 400 * time.Millisecond, Deadline: 1500 * time.Millisecond, Retries: 3,
		}},
		Triggers: triggers,
	}
	return n
}

// spans cuts a scenario's time at its trigger.
func (n Named) spans() Named {
	end := n.Duration
	if n.To == 0 {
		n.Spans = []sim.Span{{From: n.Warmup, To: end, Group: spanBefore}}
		return n
	}
	n.To = min(n.To, end)
	n.Spans = []sim.Span{
		{From: n.Warmup, To: n.From, Group: spanBefore},
		{From: n.From, To: n.To, Group: spanDuring},
		{From: n.To, To: min(n.To+n.Settles, end), Group: spanAfter},
		{From: min(n.To+n.Settles, end), To: end, Group: spanSettled},
	}
	return n
}

// NamedScenarios returns the eight scenarios of the report.
func NamedScenarios() []Named {
	const at = 10 * time.Second
	six, ten := 6*time.Second, 10*time.Second

	slowdown := storm("slowdown", "slowdown", "The service slows fivefold for 6 s.", at, six,
		sim.Trigger{Kind: sim.Slowdown, At: at, For: six, Factor: 5})
	surge := storm("surge", "surge", "Three times the load for 6 s.", at, six,
		sim.Trigger{Kind: sim.Surge, At: at, For: six, Factor: 3})
	loss := storm("loss", "loss", "Half of the workers are lost for 10 s, and come back.", at, ten,
		sim.Trigger{Kind: sim.Loss, At: at, For: ten, Factor: 0.5})
	// The trigger's span is what may be used for settling: nothing need be shed.
	drift := storm("drift", "drift", "The service becomes three times slower and three times wider, for good: its capacity stays.", at, five,
		sim.Trigger{Kind: sim.Drift, At: at, Factor: 3})
	drift.Settles = 0
	restart := storm("restart", "restart", "The service is down for 3 s, and then starts slowly: three times slower at first, as usual after 5 s.", at, 8*time.Second,
		sim.Trigger{Kind: sim.Restart, At: at, For: 3 * time.Second})
	restart.Service.ColdFactor, restart.Service.ColdFor = 3, five
	mixed := storm("mixed costs", "mixed", "One request in ten is 31 times as dear as the others; three times the load for 6 s.", at, six,
		sim.Trigger{Kind: sim.Surge, At: at, For: six, Factor: 3})
	mixed.Service.Classes = sim.OneClass(sim.Mixed, 40*time.Millisecond)
	pauses := storm("pauses", "pauses", "The service stops for 200 ms every 2 s, as for a garbage collection: nothing need be shed.", 0, 0)
	pauses.Service.PauseEvery, pauses.Service.PauseFor = 2*time.Second, 200*time.Millisecond
	trickle := storm("trickle", "trickle", "Two requests a second: nothing need be shed.", 0, 0)
	trickle.Clients[0].Rate = 2
	trickle.Duration, trickle.Bucket = 4*time.Minute, 2*time.Second

	var all []Named
	for _, n := range []Named{slowdown, surge, loss, drift, restart, mixed, pauses, trickle} {
		all = append(all, n.spans())
	}
	return all
}

// RuleScenarios returns the scenarios over which rules are switched off: the
// named ones, one whose service refuses what it can't queue, one of whose
// endpoints hangs, and a narrow one, for the rules that nothing else calls for.
func RuleScenarios() []Named {
	all := NamedScenarios()
	refusing := all[0]
	refusing.Name, refusing.File = "refusals", ""
	refusing.Story = "The service slows fivefold for 6 s, and refuses whatever finds 8 waiting."
	refusing.Service.AcceptQueue = 8
	return append(all, refusing, halves(), narrow())
}

// narrow is a service of one worker that is overloaded from a cold start, by
// clients who leave before it can work off a first limit's worth.
func narrow() Named {
	const mean, load = 10 * time.Millisecond, 2
	n := storm("narrow", "", "A single worker of which nothing is known yet is offered twice what it can do, by clients who wait for ten service times.", 5*time.Second, 15*time.Second)
	n.Warmup, n.Duration = n.From, n.To // there is no time without overload
	n.Service.Workers, n.Service.Classes = 1, sim.OneClass(sim.LogNormal, mean)
	n.Clients[0].Rate = load / mean.Seconds()
	n.Clients[0].Timeout, n.Clients[0].Deadline = 10*mean, 40*mean
	return n.spans()
}

// halves is a service with two endpoints that get half of the requests each. A
// dependency of the second slows tenfold for 6 s: longer than nearly all of its clients wait.
func halves() Named {
	n := storm("half hangs", "", "A dependency of one of two endpoints slows tenfold for 6 s, and few of its answers are in time: the other's half of the goodput can be saved.",
		10*time.Second, 6*time.Second, sim.Trigger{Kind: sim.SlowDependency, At: 10 * time.Second, For: 6 * time.Second, Factor: 10})
	half := n.Service.Classes[0]
	n.Service.Classes = []sim.Class{half, half}
	n.Service.Classes[1].Dependency = sim.Dist{Shape: sim.HalfFixed, Mean: 60 * time.Millisecond}
	return n.spans()
}

const five = 5 * time.Second

// Story is what a contestant made of a named scenario.
type Story struct {
	Contestant string
	// Ideal is the share of the load offered during the trigger that the best
	// possible limiter could get answered in time.
	Ideal float64
	// Goodput is the share of that ideal which was.
	Goodput float64
	// ShedBefore is the share of attempts shed up to the trigger, or in all if
	// there is none; ShedSettled the share shed once it has settled.
	ShedBefore, ShedSettled float64
	// Recovery is in seconds after the trigger's end; Undone says that it had
	// recovered once before.
	Recovery float64
	Undone   bool
	// P99 is of the attempts dispatched during the trigger, or in all.
	P99 time.Duration
	// Result is for the plots.
	Result *sim.Result
}

// Play runs a named scenario with a contestant: the shares are means over all
// seeds, the recovery and the p99 are the worst; the result is the first one's.
func (n *Named) Play(who Contestant) (Story, error) {
	sum, err := n.playOnce(who)
	if err != nil {
		return Story{}, err
	}
	for seed := 1; seed < n.Seeds; seed++ {
		again := *n
		again.Seed += uint64(seed)
		s, err := again.playOnce(who)
		if err != nil {
			return Story{}, err
		}
		sum.Ideal += s.Ideal
		sum.Goodput += s.Goodput
		sum.ShedBefore += s.ShedBefore
		sum.ShedSettled += s.ShedSettled
		sum.Recovery = max(sum.Recovery, s.Recovery)
		sum.Undone = sum.Undone || s.Undone
		sum.P99 = max(sum.P99, s.P99)
	}
	runs := float64(max(n.Seeds, 1))
	sum.Ideal /= runs
	sum.Goodput /= runs
	sum.ShedBefore /= runs
	sum.ShedSettled /= runs
	return sum, nil
}

// playOnce runs it with one seed.
func (n *Named) playOnce(who Contestant) (Story, error) {
	gate := who.New
	if gate == nil {
		limit, err := n.bestFixed()
		if err != nil {
			return Story{}, err
		}
		gate = rivals.Fixed(limit)
	}
	r, err := sim.Run(n.Scenario, gate)
	if err != nil {
		return Story{}, err
	}
	s := Story{Contestant: who.Name, Result: r, Goodput: math.NaN(), Ideal: math.NaN(), ShedSettled: math.NaN(), Recovery: math.NaN()}
	s.ShedBefore = shedShare(&r.Groups[spanBefore])
	s.P99 = r.Groups[spanBefore].Latency.Quantile(0.99)
	if n.To == 0 {
		return s, nil
	}
	during := &r.Groups[spanDuring]
	ideal := n.IdealOf(spanDuring, during.Offered)
	s.Ideal = ideal / float64(max(during.Offered, 1))
	s.Goodput = float64(during.Good) / ideal
	s.ShedSettled = shedShare(&r.Groups[spanSettled])
	s.P99 = during.Latency.Quantile(0.99)
	s.Recovery, s.Undone = Recovery(r.Series, r.Bucket, n.To, 1)
	return s, nil
}

func shedShare(s *sim.Stats) float64 {
	if s.Attempts == 0 {
		return 0
	}
	return float64(s.ShedTotal()) / float64(s.Attempts)
}

// bestFixed finds the limit with which most requests are answered in time.
func (n *Named) bestFixed() (int, error) {
	best, most := 1, -1
	for _, limit := range rivals.Candidates(n.Service.Workers) {
		r, err := sim.Run(n.Scenario, rivals.Fixed(limit))
		if err != nil {
			return 0, err
		}
		if r.Good > most {
			best, most = limit, r.Good
		}
	}
	return best, nil
}
