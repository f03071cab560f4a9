package storms

import (
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// Scenario is a storm with a story.
type Scenario struct {
	// Story says what happens, and to whom.
	Story string
	// From and To are the trigger's.
	From, To time.Duration
	// Plot names the file of its picture; empty: none.
	Plot string
	sim.Scenario
}

// The groups of a scenario's spans.
const (
	spanBefore = iota
	spanDuring // the trigger
	spanAfter
)

const (
	triggered = 6 * time.Second // when every trigger begins
	after     = 14 * time.Second
	rate      = 280.0 // first attempts a second: 70% of what the service can do
)

// Priorities, as the gate adds them to the default one.
const background = 3

// storm is the service that all scenarios are about: 16 workers, 40 ms on
// average, 400 requests a second. The clients together ask for 70% of that.
func storm(name, story string, trigger sim.Trigger, clients ...sim.Population) Scenario {
	trigger.At = triggered
	s := Scenario{Story: story, From: triggered, To: triggered + trigger.For}
	s.Scenario = sim.Scenario{
		Name: name, Seed: 1, Duration: s.To + after, Warmup: time.Second, Drain: 5 * time.Second,
		Bucket:   250 * time.Millisecond,
		Service:  sim.Service{Workers: 16, Classes: sim.OneClass(sim.HalfFixed, 40*time.Millisecond)},
		Clients:  clients,
		Triggers: []sim.Trigger{trigger},
	}
	s.Spans = []sim.Span{
		{From: s.Warmup, To: s.From, Group: spanBefore},
		{From: s.From, To: s.To, Group: spanDuring},
		{From: s.To, To: s.Duration, Group: spanAfter},
	}
	return s
}

// The triggers.
var (
	slowdown = sim.Trigger{Kind: sim.Slowdown, For: 6 * time.Second, Factor: 5}
	loss     = sim.Trigger{Kind: sim.Loss, For: 8 * time.Second, Factor: 0.5}
	outage   = sim.Trigger{Kind: sim.Down, For: 5 * time.Second}
)

// naive clients give an attempt a second and try again up to three times after
// 25, 50 and 100 ms at most, with full jitter, whatever they are told. There
// are 20 of them, such as the instances of a service, and each asks for 500 things.
func naive(rate float64) sim.Population {
	return sim.Population{
		Rate: rate, Identities: 20, Targets: 500, Timeout: time.Second, Retries: 3,
		Backoff: backoff(25 * time.Millisecond),
	}
}

func backoff(base time.Duration) sim.Backoff { return sim.Backoff{Base: base, Growth: 2, Jitter: 1} }

// layered clients are naive ones behind two further callers with three retries
// each: up to 4 × 4 × 4 = 64 attempts for what a user asks for once. The callers
// give all that is below them 4 and 12 s, the user 30 s.
func layered(rate float64) sim.Population {
	p := naive(rate)
	p.Above = []sim.Layer{
		{Timeout: 4 * time.Second, Retries: 3, Backoff: backoff(50 * time.Millisecond)},
		{Timeout: 12 * time.Second, Retries: 3, Backoff: backoff(100 * time.Millisecond)},
	}
	p.Deadline = 30 * time.Second
	return p
}

// honouring clients stop when they are told to, and come back when they are
// told to; told nothing, they behave as the others do.
func honouring(p sim.Population) sim.Population {
	p.Obeys = true
	return p
}

// impatient clients are naive ones with a timeout that a slow service can
// hardly keep.
func impatient(rate float64) sim.Population {
	p := naive(rate)
	p.Timeout = 400 * time.Millisecond
	return p
}

// marked clients send an id that their retries repeat, and the attempt's number.
func marked(p sim.Population) sim.Population {
	p.Marked, p.Numbered = true, true
	return p
}

// pollers ask for the same thing every two seconds, and never try again.
func pollers(rate float64) sim.Population {
	return sim.Population{Rate: rate, Identities: int(2 * rate), Polls: true, Timeout: time.Second}
}

// drained is a backlog of background work, as much as the service can do at
// all, that is sent for ten seconds from the end of an outage on.
func drained(until time.Duration) sim.Population {
	p := naive(400)
	p.Identities, p.Targets, p.Timeout = 4, 4000, 5*time.Second
	p.Priority, p.Beside, p.From, p.Until = background, true, until, until+10*time.Second
	return p
}

// Scenarios returns what the report plays.
func Scenarios() []Scenario {
	ends := triggered + outage.For
	all := []Scenario{
		storm("naive, slowdown", "The service slows fivefold for 6 s; naive clients with three retries each.", slowdown, naive(rate)),
		storm("naive with headers, slowdown", "The same; their attempts carry a number, and an id that retries repeat.", slowdown, marked(naive(rate))),
		storm("impatient, slowdown", "The same without headers, and their timeouts are twice what the slow service takes: of what is begun at once 5% take too long, which the ideal counts out, but of what has waited for 50 ms 8%.", slowdown, impatient(rate)),
		storm("naive, loss", "Half of the workers are lost for 8 s.", loss, naive(rate)),
		storm("naive, outage", "The service is down for 5 s: it refuses all, at once.", outage, naive(rate)),
		storm("three layers, slowdown", "Naive clients behind two further callers, each with three retries: up to 64 attempts for each request.", slowdown, layered(rate)),
		storm("three layers with headers, slowdown", "The same with headers; the number is the lowest layer's own, which knows of no other.", slowdown, marked(layered(rate))),
		storm("three layers, loss", "Half of the workers are lost for 8 s.", loss, layered(rate)),
		storm("three layers, outage", "The service is down for 5 s.", outage, layered(rate)),
		storm("honouring, slowdown", "Clients with three retries that do what they are told.", slowdown, honouring(naive(rate))),
		storm("honouring layers, slowdown", "Three layers that do what they are told, and pass on what they can't wait for.", slowdown, honouring(layered(rate))),
		storm("honouring layers with headers, outage", "The same with headers, and the service is down for 5 s.", outage, honouring(marked(layered(rate)))),
		storm("half and half, slowdown", "Half of the requests come from three naive layers, half from three that do what they are told.", slowdown, layered(rate/2), honouring(layered(rate/2))),
		storm("pollers beside naive, slowdown", "A quarter of the requests are those of 140 pollers, which ask for the same thing every two seconds and never try again.", slowdown, naive(rate-70), pollers(70)),
		storm("backlog after an outage", "After 5 s of outage, background work that has waited is sent for 10 s: as much as the service can do at all, with a lower priority.", outage, layered(rate), drained(ends)),
	}
	for name, file := range map[string]string{
		"naive, slowdown": "naive", "three layers, slowdown": "layers",
		"honouring layers, slowdown": "honouring", "backlog after an outage": "backlog",
	} {
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
		all[i].Plot = file
	}
	return all
}

// Honours says whether any of its clients does what it is told.
func (s *Scenario) Honours() bool {
	return slices.ContainsFunc(s.Clients, func(p sim.Population) bool { return p.Obeys })
}

// Calmed says whether all of its clients do, so that no storm builds up.
func (s *Scenario) Calmed() bool {
	return !slices.ContainsFunc(s.Clients, func(p sim.Population) bool { return !p.Obeys })
}

// Down says whether the trigger leaves the service no capacity at all.
func (s *Scenario) Down() bool { return s.Triggers[0].Kind == sim.Down }

// capacity returns how many attempts the service can work off during the
// trigger; while it is down, what it could if it weren't.
func (s *Scenario) capacity() float64 {
	t := s.Triggers[0]
	c := s.Service.Capacity() * t.For.Seconds()
	switch t.Kind {
	case sim.Slowdown:
		return c / t.Factor
	case sim.Loss:
		return c * (1 - t.Factor)
	}
	return c
}
