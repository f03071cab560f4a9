package main

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// layered is a storm of callers behind callers: three layers of them, with
// three retries each, so that a request may lead to 64 attempts. Of the
// service's 16 workers 10 are lost for a while. All is slower than in the other
// scenarios, and there is less of it, because each attempt costs this machine's
// CPU, and the storm is to be the service's, not the machine's.
func layered(obeys bool, l lengths) scenario {
	const (
		mean    = 100 * time.Millisecond
		workers = 16
		lost    = 10.0 / workers
		load    = 0.7
	)
	backoff := func(base time.Duration) sim.Backoff { return sim.Backoff{Base: base, Growth: 2, Jitter: 1} }
	s := scenario{
		From: l.before, To: l.before + min(8*time.Second, 2*l.during), // a storm of layers takes a while to build up
		ShedBar: 1, // retries of what failed come for a while after the trigger, and may be refused
		Limited: true,
	}
	s.Quiet = s.To + l.settle
	s.Name, s.Story = "layers", "Three layers of callers, each with three retries, and 10 of 16 workers are lost for 8 s."
	s.Seed, s.Duration = 1, s.To+l.after
	s.Service = sim.Service{Workers: workers, Classes: sim.OneClass(sim.HalfFixed, mean)}
	s.Clients = []sim.Population{{
		Rate: load * s.Service.Capacity(), Identities: 20, Targets: 500,
		Timeout: 20 * mean, Retries: 3, Backoff: backoff(mean / 2), Deadline: 2 * l.after,
		Above: []sim.Layer{
			{Timeout: 8 * time.Second, Retries: 3, Backoff: backoff(mean)},
			{Timeout: 20 * time.Second, Retries: 3, Backoff: backoff(2 * mean)},
		},
		Obeys: obeys,
	}}
	if obeys {
		s.Name, s.Story, s.Against = "honouring", "The same, and all three layers do what a refusal says.", stormOff
	}
	s.Triggers = []sim.Trigger{{Kind: sim.Loss, At: s.From, For: s.To - s.From, Factor: lost}}
	s.Spans = []sim.Span{{From: s.From, To: s.To}}
	return s
}
