package sim

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// refusing sheds what comes, or holds it until its client leaves, and notes
// when each attempt came and what it said of itself.
type refusing struct {
	open
	word  Word
	holds bool
	at    []time.Duration
	seen  []Attempt
}

func (g *refusing) Arrive(now time.Duration, a *Attempt) {
	g.at, g.seen = append(g.at, now), append(g.seen, *a)
	if !g.holds {
		g.w.Shed(a, RetryBudget, g.word)
	}
}

// one is a scenario with a single request, at one second.
func one(p Population) Scenario {
	p.Rate, p.Even, p.Until = 1, true, 2*time.Second
	return Scenario{Seed: 1, Duration: time.Minute, Service: Service{Workers: 1, Classes: OneClass(Fixed, ms)}, Clients: []Population{p}}
}

// TestLayers: what layers of callers make of a failure, attempt by attempt.
func TestLayers(t *testing.T) {
	times := func(n int, l Layer) []Layer { return slices.Repeat([]Layer{l}, n) }
	for _, c := range []struct {
		name  string
		p     Population
		word  Word
		holds bool
		want  int             // attempts in all
		at    []time.Duration // after the first; nil: no matter
	}{
		{"three layers with three retries each, refused at once", Population{Retries: 3, Above: times(2, Layer{Retries: 3})}, Word{}, false, 64, nil},
		{"an attempt's timeout in two layers", Population{Retries: 1, Timeout: 100 * ms, Above: times(1, Layer{Retries: 1})}, Word{}, true, 4, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}},
		{
			"the layer above has had enough in the middle of an attempt",
			Population{Retries: 3, Timeout: 100 * ms, Above: times(1, Layer{Retries: 1, Timeout: 250 * ms})},
			Word{},
			true, 6,
			[]time.Duration{0, 100 * ms, 200 * ms, 250 * ms, 350 * ms, 450 * ms},
		},
		{
			"the layer above has had enough during a backoff",
			Population{Retries: 3, Timeout: 100 * ms, Backoff: Backoff{Base: 50 * ms}, Above: times(1, Layer{Retries: 1, Timeout: 120 * ms})},
			Word{},
			true, 2,
			[]time.Duration{0, 120 * ms},
		},
		{
			"the uppermost of two layers ends all below it",
			Population{Retries: 3, Timeout: 100 * ms, Above: []Layer{{Retries: 3, Timeout: 200 * ms}, {Retries: 1, Timeout: 250 * ms}}},
			Word{},
			true, 6,
			[]time.Duration{0, 100 * ms, 200 * ms, 250 * ms, 350 * ms, 450 * ms},
		},
		{
			"the whole's deadline ends everything",
			Population{Retries: 3, Timeout: 100 * ms, Deadline: 250 * ms, Above: times(1, Layer{Retries: 3})},
			Word{},
			true, 3,
			[]time.Duration{0, 100 * ms, 200 * ms},
		},
		{"told to stop, and obeying", Population{Retries: 3, Obeys: true, Above: times(2, Layer{Retries: 3})}, Word{Stop: true}, false, 1, nil},
		{"told to stop, and naive", Population{Retries: 3, Above: times(1, Layer{Retries: 1})}, Word{Stop: true}, false, 8, nil},
		{"told when to come back, and obeying", Population{Retries: 2, Obeys: true}, Word{RetryAfter: 3 * time.Second}, false, 3, []time.Duration{0, 3 * time.Second, 6 * time.Second}},
		{"told when to come back, and naive", Population{Retries: 1, Backoff: Backoff{Base: 50 * ms}}, Word{RetryAfter: 3 * time.Second}, false, 2, []time.Duration{0, 50 * ms}},
		{
			"told to wait for longer than the lowest layer may: the one above waits",
			Population{Retries: 3, Obeys: true, Above: times(1, Layer{Retries: 1, Timeout: time.Second})},
			Word{RetryAfter: 3 * time.Second},
			false, 2,
			[]time.Duration{0, 3 * time.Second},
		},
		{"told to wait for longer than the user does", Population{Retries: 3, Obeys: true, Deadline: 2 * time.Second}, Word{RetryAfter: 3 * time.Second}, false, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g *refusing
			r := mustRun(t, one(c.p), func(w *World) Gate {
				g = &refusing{open: open{w: w}, word: c.word, holds: c.holds}
				return g
			})
			if r.Calls != 1 || r.Attempts != c.want {
				t.Errorf("%d requests made %d attempts, want 1 and %d", r.Calls, r.Attempts, c.want)
			}
			for i := range g.at {
				if g.seen[i].Try != i {
					t.Errorf("attempt %d is numbered %d", i, g.seen[i].Try)
				}
				g.at[i] -= time.Second
			}
			if c.at != nil && !slices.Equal(g.at, c.at) {
				t.Errorf("they came at %v, want %v", g.at, c.at)
			}
		})
	}
}

// TestMarks: what attempts say of themselves.
func TestMarks(t *testing.T) {
	run := func(p Population) []Attempt {
		var g *refusing
		mustRun(t, one(p), func(w *World) Gate {
			g = &refusing{open: open{w: w}}
			return g
		})
		return g.seen
	}
	p := Population{Retries: 1, Above: []Layer{{Retries: 1}}, Identities: 1, Targets: 1}
	bare := run(p)
	p.Marked, p.Numbered = true, true
	marked := run(p)
	for i := range 4 {
		if a := bare[i]; a.Exact || a.Says != 0 || a.Print == 0 || a.Print != bare[0].Print || a.Also != 0 {
			t.Errorf("without marks, attempt %d is %+v", i, a)
		}
		// The lowest layer counts its own tries only: it knows of no others.
		if a := marked[i]; !a.Exact || a.Says != 1+i%2 || a.Print != marked[0].Print || a.Also != bare[0].Print {
			t.Errorf("with marks, attempt %d is %+v", i, a)
		}
	}

	// Many clients and targets have many prints, and each request an id of its own.
	for _, marked := range []bool{false, true} {
		s := Scenario{
			Seed: 1, Duration: 10 * time.Second, Service: Service{Workers: 1, Classes: OneClass(Fixed, ms)},
			Clients: []Population{{Rate: 1000, Identities: 5, Targets: 20, Marked: marked}},
		}
		var g *refusing
		r := mustRun(t, s, func(w *World) Gate {
			g = &refusing{open: open{w: w}}
			return g
		})
		prints := map[uint64]bool{}
		for _, a := range g.seen {
			prints[a.Print] = true
		}
		want := 100
		if marked {
			want = r.Calls
		}
		if len(prints) != want {
			t.Errorf("%d prints of %d requests (marked: %v), want %d", len(prints), r.Calls, marked, want)
		}
	}
}

// TestPolls: each client asks for the same thing at equal distances.
func TestPolls(t *testing.T) {
	s := Scenario{
		Seed: 1, Duration: 10 * time.Second, Service: Service{Workers: 1, Classes: OneClass(Fixed, ms)},
		Clients: []Population{{Rate: 10, Polls: true, Identities: 5, Targets: 7}},
	}
	var g *refusing
	mustRun(t, s, func(w *World) Gate {
		g = &refusing{open: open{w: w}}
		return g
	})
	last := map[uint64]time.Duration{}
	for i, a := range g.seen {
		if at, ok := last[a.Print]; ok && g.at[i]-at != 500*ms {
			t.Errorf("client %d asked again after %v", a.Client, g.at[i]-at)
		}
		last[a.Print] = g.at[i]
	}
	if len(last) != 5 {
		t.Errorf("%d prints, want 5", len(last))
	}
}

// TestWindow: a population sends in its time only, also across a surge, and one
// that is beside the others isn't in what is offered, good and ideal.
func TestWindow(t *testing.T) {
	s := Scenario{
		Seed: 1, Duration: 30 * time.Second, Drain: time.Second,
		Service: Service{Workers: 10, Classes: OneClass(Fixed, 10*ms)},
		Clients: []Population{
			{Rate: 100},
			{Rate: 200, From: 10 * time.Second, Until: 20 * time.Second, Beside: true},
		},
		Triggers: []Trigger{{Kind: Surge, At: 15 * time.Second, For: 10 * time.Second, Factor: 2}},
		Spans:    []Span{{From: 0, To: 10 * time.Second}, {From: 10 * time.Second, To: 20 * time.Second, Group: 1}, {From: 20 * time.Second, To: 30 * time.Second, Group: 2}},
	}
	r := mustRun(t, s, newOpen)
	for g, want := range [][2]float64{{1000, 0}, {1500, 3000}, {1500, 0}} {
		by := r.Groups[g].By
		near(t, "the first population", float64(by[0].Offered), want[0], 0.1)
		near(t, "the second", float64(by[1].Offered), want[1], 0.05)
		if r.Groups[g].Offered != by[0].Offered || r.Groups[g].Good != by[0].Good {
			t.Errorf("span %d: %d offered and %d good, want those of the first population alone", g, r.Groups[g].Offered, r.Groups[g].Good)
		}
		near(t, "the ideal", s.IdealGood(g), want[0], 1e-9)
	}
	near(t, "the load at 12 s", s.Load(12*time.Second), 0.3, 1e-9)
	near(t, "the load at 22 s", s.Load(22*time.Second), 0.2, 1e-9)
	if d := r.Groups[1].Dispatched; d != r.Groups[1].Attempts || d != r.Groups[1].By[0].Offered+r.Groups[1].By[1].Offered {
		t.Errorf("%d dispatched of %d attempts", d, r.Groups[1].Attempts)
	}
}
