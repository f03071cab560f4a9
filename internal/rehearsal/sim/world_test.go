package sim

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// rough is a scenario with a bit of everything.
func rough(seed uint64) Scenario {
	s := Scenario{
		Name: "rough", Seed: seed, Duration: 40 * time.Second, Warmup: time.Second, Drain: 5 * time.Second, Trace: true,
		Service: Service{
			Workers: 8, AcceptQueue: 200,
			Classes: []Class{
				{Share: 3, Time: Dist{Exponential, 20 * time.Millisecond}},
				{Share: 1, Time: Dist{LogNormal, 60 * time.Millisecond}},
			},
			PauseEvery: 3 * time.Second, PauseFor: 150 * time.Millisecond,
			Dependency: Dist{Exponential, 15 * time.Millisecond},
			ColdFactor: 4, ColdFor: 2 * time.Second,
		},
		Clients: []Population{
			{Rate: 80, Identities: 10, Timeout: 300 * time.Millisecond, Deadline: time.Second, Retries: 3, Backoff: Backoff{Base: 10 * time.Millisecond, Growth: 2, Jitter: 1}, Announces: true},
			{Rate: 60, Priority: 1, Timeout: 300 * time.Millisecond, Retries: 2, Silent: true},
			{Rate: 20, Priority: 2, Even: true, Class: 2},
			{Rate: 40, Timeout: 200 * time.Millisecond, Retries: 5, Obeys: true},
			{
				Rate: 5, Timeout: 200 * time.Millisecond, Retries: 2, Marked: true, Numbered: true,
				Above: []Layer{{Timeout: 500 * time.Millisecond, Retries: 2}, {Timeout: 700 * time.Millisecond, Retries: 1, Backoff: Backoff{Base: 30 * time.Millisecond}}},
			},
			{Rate: 10, Polls: true, Identities: 7, Targets: 3, From: 3 * time.Second, Until: 37 * time.Second},
		},
		Triggers: []Trigger{
			{Kind: Slowdown, At: 4 * time.Second, For: 2 * time.Second, Factor: 3},
			{Kind: Surge, At: 9 * time.Second, For: 3 * time.Second, Factor: 4},
			{Kind: Loss, At: 14 * time.Second, For: 3 * time.Second, Factor: 0.5},
			{Kind: Restart, At: 20 * time.Second, For: time.Second},
			{Kind: SlowDependency, At: 25 * time.Second, For: 4 * time.Second, Factor: 10},
			{Kind: Down, At: 31 * time.Second, For: 500 * time.Millisecond},
			{Kind: Drift, At: 34 * time.Second, Factor: 3},
		},
		Spans: []Span{{From: 4 * time.Second, To: 6 * time.Second}, {From: 9 * time.Second, To: 12 * time.Second, Group: 1}},
	}
	return s
}

// TestDeterminism: the same seed gives the same result, another seed another.
func TestDeterminism(t *testing.T) {
	gate := newStatic(12, 20, Word{RetryAfter: 50 * time.Millisecond})
	first := mustRun(t, rough(3), gate)
	if again := mustRun(t, rough(3), gate); !reflect.DeepEqual(first, again) {
		t.Error("the same seed gave another result")
	}
	if other := mustRun(t, rough(4), gate); reflect.DeepEqual(first, other) {
		t.Error("another seed gave the same result")
	}
}

// TestCommonRequests: two gates see the very same first attempts.
func TestCommonRequests(t *testing.T) {
	a, b := mustRun(t, rough(3), newOpen), mustRun(t, rough(3), newStatic(4, 0, Word{}))
	if a.Calls != b.Calls {
		t.Errorf("%d requests with one gate, %d with another", a.Calls, b.Calls)
	}
	for i := range a.Series {
		if a.Series[i].Offered != b.Series[i].Offered {
			t.Fatalf("point %d: %d offered with one gate, %d with another", i, a.Series[i].Offered, b.Series[i].Offered)
		}
	}
}

// TestConservation: each request ends in one way, each attempt in one way, and
// the gate is told the end of what it dispatched exactly once.
func TestConservation(t *testing.T) {
	for _, c := range []struct {
		name string
		gate NewGate
	}{
		{"open", newOpen},
		{"tight", newStatic(3, 0, Word{})},
		{"queue", newStatic(10, 50, Word{RetryAfter: 20 * time.Millisecond})},
		{"stop", newStatic(10, 5, Word{Stop: true})},
		{"hoard", newStatic(0, 300, Word{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				var left, inflight int
				var done [3]int
				r := mustRun(t, rough(seed), func(w *World) Gate {
					g := c.gate(w)
					return &counting{g, &left, &inflight, &done}
				})
				if got := r.Good + r.FailedShed + r.FailedTimeout + r.FailedError + r.Open; got != r.Calls {
					t.Errorf("%d requests came, %d are accounted for", r.Calls, got)
				}
				if got := r.Dispatched + r.Shed + left + r.HeldAtEnd; got != r.Attempts {
					t.Errorf("%d attempts came, %d are accounted for", r.Attempts, got)
				}
				if got := done[Success] + done[Dropped] + done[Canceled] + inflight; got != r.Dispatched {
					t.Errorf("%d attempts were dispatched, %d are accounted for", r.Dispatched, got)
				}
				if r.Answered != r.Good {
					t.Errorf("%d attempts answered, %d requests good", r.Answered, r.Good)
				}
				if by := r.All.By; len(by) != len(rough(seed).Clients) {
					t.Errorf("%d populations were counted", len(by))
				}
				offered, answered := 0, 0
				for _, p := range r.Series {
					offered += p.Offered
					answered += p.Answered
				}
				if offered != r.All.Offered || answered > r.Good {
					t.Errorf("the series hold %d offered and %d answered, the sums %d and %d", offered, answered, r.All.Offered, r.Good)
				}
			}
		})
	}
}

// counting counts what a gate is told.
type counting struct {
	Gate
	left, inflight *int
	done           *[3]int
}

func (c *counting) Done(now time.Duration, a *Attempt, o Outcome) {
	c.done[o]++
	c.Gate.Done(now, a, o)
	*c.inflight = c.Inflight()
}

func (c *counting) Arrive(now time.Duration, a *Attempt) {
	c.Gate.Arrive(now, a)
	*c.inflight = c.Inflight()
}

func (c *counting) Left(now time.Duration, a *Attempt) {
	*c.left++
	c.Gate.Left(now, a)
}

// TestContract: a gate that dispatches or sheds twice is stopped.
func TestContract(t *testing.T) {
	for what, twice := range map[string]func(w *World, a *Attempt){
		"dispatched": func(w *World, a *Attempt) { w.Dispatch(a); w.Dispatch(a) },
		"shed":       func(w *World, a *Attempt) { w.Dispatch(a); w.Shed(a, Other, Word{}) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if msg, _ := recover().(string); !strings.Contains(msg, what) {
					t.Errorf("panicked with %q", msg)
				}
			}()
			mustRun(t, storm(), func(w *World) Gate { return &broken{open{w: w}, twice} })
		})
	}
}

type broken struct {
	open
	twice func(*World, *Attempt)
}

func (b *broken) Arrive(_ time.Duration, a *Attempt) { b.twice(b.w, a) }

// TestBadScenarios: nonsense is refused, all of it at once.
func TestBadScenarios(t *testing.T) {
	_, err := Run(Scenario{Name: "empty"}, newOpen)
	for _, want := range []string{"no duration", "no workers", "no classes", "no clients"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// TestTicks: a gate is called when it asked to be, and at the earlier of two
// times; a gate that asks for now doesn't stop the time.
func TestTicks(t *testing.T) {
	s := storm()
	s.Clients[0].Rate = 0
	var g *ticking
	mustRun(t, s, func(w *World) Gate { g = &ticking{open: open{w: w}}; return g })
	want := []time.Duration{0, time.Second, time.Second + 1, 3 * time.Second}
	if !reflect.DeepEqual(g.at, want) {
		t.Errorf("called at %v, want %v", g.at, want)
	}
}

type ticking struct {
	open
	at []time.Duration
}

func (g *ticking) Tick(now time.Duration) time.Duration {
	g.at = append(g.at, now)
	switch len(g.at) {
	case 1:
		return time.Second
	case 2:
		return now // too early: the next nanosecond
	case 3:
		g.w.WakeAt(5 * time.Second)
		g.w.WakeAt(4 * time.Second)
		return 3 * time.Second
	}
	return Never
}
