package levee

import (
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	"github.com/levee-proxy/levee/limiter/storm"
)

// overloaded is asked for twice what it can do, for five seconds, by clients
// that do what they are told and send ids.
func overloaded() sim.Scenario {
	return sim.Scenario{
		Name: "overloaded", Seed: 1, Duration: 15 * time.Second, Drain: time.Minute,
		Service: sim.Service{Workers: 8, Classes: sim.OneClass(sim.Fixed, 40*time.Millisecond)},
		Clients: []sim.Population{{
			Rate: 100, Identities: 10, Targets: 100, Timeout: time.Second, Retries: 3, Obeys: true, Marked: true,
			Backoff: sim.Backoff{Base: 20 * time.Millisecond, Growth: 2, Jitter: 1},
		}},
		Triggers: []sim.Trigger{{Kind: sim.Surge, At: 5 * time.Second, For: 5 * time.Second, Factor: 4}},
	}
}

func run(t *testing.T, s sim.Scenario, cfg Config) (*Gate, *sim.Result) {
	t.Helper()
	var g *Gate
	r, err := sim.Run(s, func(w *sim.World) sim.Gate {
		g = New(w, cfg)
		return g
	})
	if err != nil {
		t.Fatal(err)
	}
	if g.Inflight() != 0 || g.QueueLen() != 0 || r.Open != 0 {
		t.Errorf("%d in flight, %d queued and %d open at the end", g.Inflight(), g.QueueLen(), r.Open)
	}
	return g, r
}

// TestParts: each part does what it is there for. The limiter alone tells
// clients nothing; with a detector the retry budget refuses retries; and with
// its words they make hardly any.
func TestParts(t *testing.T) {
	s := overloaded()
	const from = 5 * time.Second
	alone, plain := run(t, s, Config{Heard: true, Watch: from})
	if alone.Changes() != nil || plain.All.Shed[sim.RetryBudget] != 0 || plain.All.ShedTotal() == 0 {
		t.Errorf("the limiter alone: changes %v, shed %v", alone.Changes(), plain.All.Shed)
	}
	wordless, bounded := run(t, s, Config{Storm: &storm.Config{}, Plain: true, Watch: from})
	if bounded.All.Shed[sim.RetryBudget] == 0 {
		t.Error("the budget refused nothing")
	}
	if c := wordless.Changes(); len(c) == 0 || c[0].At < from || c[0].State == storm.Calm {
		t.Errorf("the state changed at %v", c)
	}
	if at := wordless.Trouble(); at < from || at > from+time.Second {
		t.Errorf("the first trouble was at %v", at)
	}
	_, told := run(t, s, Config{Storm: &storm.Config{}})
	if told.Attempts*3 > plain.Attempts*2 || told.All.Retries*5 > bounded.All.Retries {
		t.Errorf("told, they made %d attempts and %d retries; untold, %d and %d", told.Attempts, told.All.Retries, plain.Attempts, bounded.All.Retries)
	}
}

// TestCalm: without trouble none is noted, and the state stays calm.
func TestCalm(t *testing.T) {
	s := overloaded()
	s.Triggers = nil
	g, r := run(t, s, Config{Storm: &storm.Config{}})
	if g.Trouble() != sim.Never || len(g.Changes()) != 0 || r.Good != r.Calls {
		t.Errorf("trouble at %v, changes %v, %d of %d good", g.Trouble(), g.Changes(), r.Good, r.Calls)
	}
}
