package storms

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// find returns the scenario of that name.
func find(t *testing.T, name string) Scenario {
	t.Helper()
	for _, s := range Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no scenario %q", name)
	return Scenario{}
}

func play(t *testing.T, s Scenario, a Arm) Measures {
	t.Helper()
	m, err := s.Play(a, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestScenarios: each is what it says: its trigger, its load, and names that differ.
func TestScenarios(t *testing.T) {
	names, plots := map[string]bool{}, 0
	for _, s := range Scenarios() {
		if names[s.Name] {
			t.Errorf("two scenarios are called %q", s.Name)
		}
		names[s.Name] = true
		if s.Plot != "" {
			plots++
		}
		calm, during := s.Load(s.From-1), s.Load((s.From+s.To)/2)
		if math.Abs(calm-0.7) > 1e-9 || during <= 1 || s.Load(s.To-1) != during {
			t.Errorf("%s: a load of %.2f before and %.2f during the trigger", s.Name, calm, during)
		}
		if s.capacity() <= 0 || s.To-s.From < 5*time.Second {
			t.Errorf("%s: a capacity of %v from %v to %v", s.Name, s.capacity(), s.From, s.To)
		}
	}
	if plots != 4 {
		t.Errorf("%d pictures, want 4", plots)
	}
}

// TestWithoutLevee: the storms are storms. Most of what reaches the service is
// retries, little is answered in time, and only an outage, after which clients
// come back to an empty service, ends by itself if they don't try 64 times.
func TestWithoutLevee(t *testing.T) {
	for _, s := range Scenarios() {
		m := play(t, s, Without)
		if m.Upstream < 2.5 || m.Amplification < 2 || !s.Down() && m.Goodput > 0.5 {
			t.Errorf("%s: %.1f times what the service can do, %.1f attempts a request, goodput %.2f", s.Name, m.Upstream, m.Amplification, m.Goodput)
		}
		ends := s.Down() && len(s.Clients[0].Above) == 0
		if math.IsInf(m.Recovery, 1) == ends {
			t.Errorf("%s: well after %v s", s.Name, m.Recovery)
		}
		if m.ShedBefore != 0 {
			t.Errorf("%s: nobody shed %d", s.Name, m.ShedBefore)
		}
	}
}

// TestLayersMultiply: three layers with three retries each make up to 64 of one.
func TestLayersMultiply(t *testing.T) {
	s := find(t, "three layers, outage")
	if m := play(t, s, Without); m.Amplification < 45 || m.Amplification > 64 {
		t.Errorf("%.1f attempts for each request", m.Amplification)
	}
}

// TestBars: what must hold holds in every run of every scenario. The full
// report has tighter bars for means over more runs; how far goodput and recovery
// may be off in a single run is chance, of which these bounds leave some.
func TestBars(t *testing.T) {
	const seeds = 2
	for _, s := range Scenarios() {
		arms := []Arm{Everything}
		if s.Calmed() {
			arms = append(arms, Limiter)
		}
		done, err := Rehearse([]Scenario{s}, seeds, arms...)
		if err != nil {
			t.Fatal(err)
		}
		r := &done[0]
		row := r.row(Everything)
		most := func(what string, of func(*Measures) float64, bar float64) {
			t.Helper()
			if v := row.worst(of); !(v <= bar) {
				t.Errorf("%s: %s: %.3f, at most %.3f", s.Name, what, v, bar)
			}
		}
		most("attempts at the service, of what it can work off", upstream, upstreamBar)
		most("shed before the trigger", shedBefore, 0)
		most("seconds until all is well", recovery, 2*recoveryBar)
		if s.Down() {
			most("retries a second while the service is down", retryRate, probeBar)
		} else {
			most("retries let through, of what is answered well", retries, retriesBar+retriesMore)
			if missing := 1 - row.mean(goodput); missing > 0.15 { // as the report has it, in the mean: single runs vary by 5%
				t.Errorf("%s: goodput that is missing: %.3f, at most 0.15", s.Name, missing)
			}
		}
		if !s.Calmed() {
			most("seconds until the storm is known", knownAfter, knownBar.Seconds())
		}
		if s.Calmed() && len(s.Clients[0].Above) > 0 {
			if fall, _ := r.Fall(); fall < fallBar {
				t.Errorf("%s: attempts fall by %.3f, at least %.2f", s.Name, fall, fallBar)
			}
		}
	}
}

// TestWhole: whatever happens, Levee ends empty: each permit ended, nobody waits.
func TestWhole(t *testing.T) {
	for _, name := range []string{"half and half, slowdown", "backlog after an outage", "pollers beside naive, slowdown"} {
		s := find(t, name)
		s.Drain = time.Minute
		gate, ours := Everything.gate(s.From)
		r, err := sim.Run(s.Scenario, gate)
		if err != nil {
			t.Fatal(err)
		}
		if g := ours(); g.Inflight() != 0 || g.QueueLen() != 0 || r.Open != 0 {
			t.Errorf("%s: %d in flight, %d queued and %d open at the end", s.Name, g.Inflight(), g.QueueLen(), r.Open)
		}
	}
}

// TestReport: a small report has its tables and plots, and is the same again.
func TestReport(t *testing.T) {
	write := func() (folder, text string) {
		folder = t.TempDir()
		done, err := Rehearse([]Scenario{find(t, "honouring layers, slowdown"), find(t, "backlog after an outage")}, 1)
		if err != nil {
			t.Fatal(err)
		}
		r := Report{Command: "this test", Seeds: 1, Rehearsed: done}
		if err := r.Write(folder); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(folder, "storm-results.md"))
		if err != nil {
			t.Fatal(err)
		}
		var printed bytes.Buffer
		if err := r.Print(&printed); err != nil || !strings.Contains(string(b), strings.TrimSpace(strings.SplitN(printed.String(), "## Bars", 2)[0])) {
			t.Errorf("what is printed isn't what is written (%v)", err)
		}
		return folder, string(b)
	}
	folder, text := write()
	for _, want := range []string{"this test", "## Bars that are missed", "## Honouring layers, slowdown", "| everything |", "(storms/backlog.svg)", "fewer attempts"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report doesn't say %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
		t.Error("the report has figures that aren't")
	}
	plots, err := filepath.Glob(filepath.Join(folder, "storms", "*.svg"))
	if err != nil || len(plots) != 2 {
		t.Errorf("%d plots, %v", len(plots), err)
	}
	if _, again := write(); again != text {
		t.Error("the same seeds wrote another report")
	}
}
