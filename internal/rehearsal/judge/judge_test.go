package judge

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// tiny is enough to see that everything runs.
var tiny = Scope{Calls: 500, MaxCycles: 3, MaxCalls: 30_000}

// TestCovering: each pair of values that fits is in some cell, the choice
// depends on the seed alone, and cells that don't fit are left out.
func TestCovering(t *testing.T) {
	cells := Covering(tiny, 2, 1)
	if again := Covering(tiny, 2, 1); !reflect.DeepEqual(cells, again) {
		t.Error("the same seed chose other cells")
	}
	type pair struct{ a, b any }
	values := func(c Cell) []any { return []any{c.Workers, c.Mean, c.Shape, c.Load, c.Course, c.Client} }
	pairs := func(cells []Cell) map[pair]bool {
		seen := map[pair]bool{}
		for _, c := range cells {
			vs := values(c)
			for i := range vs {
				for j := range i {
					seen[pair{vs[j], vs[i]}] = true
				}
			}
		}
		return seen
	}
	all, left := Full(tiny)
	if len(all)+left != 7776 {
		t.Errorf("the grid has %d cells", len(all)+left)
	}
	if want, got := pairs(all), pairs(cells); !reflect.DeepEqual(want, got) {
		t.Errorf("%d of %d pairs are covered", len(got), len(want))
	}
	for _, c := range cells {
		if s, ok := c.Scenario(tiny, 1); !ok || s.Service.Capacity()*c.meanLoad()*s.Fold.Seconds() > 30_300 {
			t.Errorf("%v is too big", c)
		}
	}
}

// TestCellsAreWhatTheySay: the simulated load is the cell's.
func TestCellsAreWhatTheySay(t *testing.T) {
	for _, course := range []Course{Steady, Surging, Diurnal} {
		c := Cell{Workers: 16, Mean: 10 * time.Millisecond, Shape: sim.Exponential, Load: 2, Course: course}
		s, ok := c.Scenario(Scope{Calls: 100, MaxCycles: 2, MaxCalls: 1e6}, 1)
		if !ok {
			t.Fatal("it doesn't fit")
		}
		peak, sum, n := 0.0, 0.0, 0
		for at := time.Duration(0); at < s.Duration; at += s.Duration / 1000 {
			load := s.Load(at)
			peak, sum, n = max(peak, load), sum+load, n+1
		}
		if math.Abs(peak-2) > 0.05 || math.Abs(sum/float64(n)-c.meanLoad()) > 0.02 {
			t.Errorf("%v: a peak of %.2f and a mean of %.2f, want 2 and %.2f", c, peak, sum/float64(n), c.meanLoad())
		}
		over := 0.0
		for _, sp := range s.Spans {
			if middle := s.Load(sp.From + (sp.To-sp.From)/2); (middle > 1) != (sp.Group == groupOverload) {
				t.Errorf("%v: a load of %.2f is in group %d", c, middle, sp.Group)
			}
			if sp.Group == groupOverload {
				over += (sp.To - sp.From).Seconds()
			}
		}
		if over == 0 {
			t.Errorf("%v is never overloaded", c)
		}
	}
}

func TestRecovery(t *testing.T) {
	// Points of a quarter of a second with 400 requests each; the trigger ends
	// after the fourth.
	series := func(answered string) []sim.Point {
		var all []sim.Point
		for _, c := range answered {
			p := sim.Point{Offered: 400, Answered: 400}
			if c == 'x' {
				p.Answered = 390
			}
			all = append(all, p)
		}
		return all
	}
	const width, end = 250 * time.Millisecond, time.Second
	for _, c := range []struct {
		answered string
		seconds  float64
		undone   bool
	}{
		{"xxxx................", 0, false},
		{"....................", 0, false},
		{"xxxxxx..............", 0.5, false},
		{"xxxxx..x............", 1, false}, // half a second isn't a recovery yet
		{"xxxxx......x........", 2, true},
		{"xxxxxxxxxxxxxxxxxxxx", math.Inf(1), false},
		{"xxxxx......xxxxxxxxx", math.Inf(1), true},
	} {
		if s, undone := Recovery(series(c.answered), width, end, 1); s != c.seconds || undone != c.undone {
			t.Errorf("%s: %v s, undone %v, want %v and %v", c.answered, s, undone, c.seconds, c.undone)
		}
	}
	// In a trickle one failure among few is not an outage by itself.
	trickle := make([]sim.Point, 400)
	for i := range trickle {
		trickle[i] = sim.Point{Offered: 2, Answered: 2}
	}
	trickle[50].Answered = 1
	if s, _ := Recovery(trickle, width, end, 1); s != 0 {
		t.Errorf("one failure in 800 requests: recovered after %v s", s)
	}
}

func TestFigure(t *testing.T) {
	rows := []Row{
		{Cell: Cell{Workers: 1}, Measures: []Measures{{Goodput: 0.99, Recovery: math.NaN()}}},
		{Cell: Cell{Workers: 4}, Measures: []Measures{{Goodput: 0.89, Recovery: 1}}},
		{Cell: Cell{Workers: 16}, Measures: []Measures{{Goodput: math.NaN(), Recovery: 3, Undone: true}}},
		{Cell: Cell{Workers: 64}, Measures: []Measures{{Goodput: 0.98, Recovery: 2}}},
	}
	criteria := Criteria()
	const first, third = 0, 3
	goodput, recover := criteria[first].figure(rows, 0), criteria[third].figure(rows, 0)
	if goodput.Median != 0.98 || goodput.Worst != 0.89 || goodput.Cells != 3 || goodput.Missed != 1 || !strings.HasPrefix(goodput.WorstCell, "4 ×") {
		t.Errorf("goodput: %+v", goodput)
	}
	if recover.Median != 2 || recover.Worst != 3 || recover.Missed != 1 || recover.Undone != 1 || criteria[third].Holds(recover) {
		t.Errorf("recovery: %+v", recover)
	}
	if got := criteria[first].write(goodput); got != "98.0% / 89.0% (1 of 3)" {
		t.Errorf("written as %q", got)
	}
}

// TestAhead: only what reads differently counts, by median and by worst cell.
func TestAhead(t *testing.T) {
	criteria := Criteria()
	v := Verdict{
		Criteria: []Criterion{criteria[0], criteria[2]}, Contestants: []string{"Levee", "Envoy", "none"},
		Figures: [][]Figure{
			{{Median: 0.98, Worst: 0.9, Cells: 1}, {Median: 0.98001, Worst: 0.95, Cells: 1}, {Median: 1, Worst: 1, Cells: 1}},
			{{Median: 0, Worst: 0.01, Cells: 1}, {Median: 0, Worst: 0.02, Cells: 1}, {Cells: 1}},
		},
	}
	want := []string{"goodput in overload, share of the ideal, worst cell: 95.0% with Envoy, 90.0% with Levee"}
	if got := v.Ahead("Envoy", "AIMD"); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// once makes scenarios that are played with one seed.
func once(all []Named) []Named {
	for i := range all {
		all[i].Seeds = 1
	}
	return all
}

// TestClassics: what is known of the rivals shows in the named storm. Without
// a limiter the service never comes back; a fixed limit that suits it does
// well; and with a drift, the same limit sheds what it need not.
func TestClassics(t *testing.T) {
	for _, n := range once(NamedScenarios()) {
		none, err := n.Play(Contestant{"none", rivals.None})
		if err != nil {
			t.Fatal(err)
		}
		fixed, err := n.Play(Contestant{bestFixed, nil})
		if err != nil {
			t.Fatal(err)
		}
		switch n.Name {
		case "slowdown":
			if !math.IsInf(none.Recovery, 1) || none.Goodput > 0.35 {
				t.Errorf("no limiter gets %.2f of the ideal, and recovers after %v s", none.Goodput, none.Recovery)
			}
			if ideal := n.Ideal(12*time.Second) / 280; math.Abs(ideal-0.271) > 0.001 {
				t.Errorf("the ideal is %.3f of what is offered", ideal)
			}
			if fixed.Goodput < 0.85 || fixed.Recovery > 2 {
				t.Errorf("the best fixed limit gets %.2f, and recovers after %v s", fixed.Goodput, fixed.Recovery)
			}
		case "drift":
			tuned, err := n.Play(Contestant{"tuned before", rivals.Fixed(20)})
			if err != nil {
				t.Fatal(err)
			}
			if tuned.ShedSettled < 0.3 {
				t.Errorf("a limit tuned for the service before sheds %.2f after the drift", tuned.ShedSettled)
			}
		case "trickle", "pauses":
			if none.ShedBefore != 0 || fixed.ShedBefore > 0.1 {
				t.Errorf("%s: %.3f shed by none, %.3f by a fixed limit", n.Name, none.ShedBefore, fixed.ShedBefore)
			}
		}
	}
}

// TestLeveeIsWhole: the limiter ends empty, whatever happened, with each rule
// switched off too: each permit ended, and nobody waits.
func TestLeveeIsWhole(t *testing.T) {
	for _, who := range Ablated(Rules) {
		for _, n := range NamedScenarios() {
			var g sim.Gate
			n.Drain = time.Minute
			if _, err := sim.Run(n.Scenario, func(w *sim.World) sim.Gate { g = who.New(w); return g }); err != nil {
				t.Fatal(err)
			}
			if g.Inflight() != 0 || g.QueueLen() != 0 {
				t.Errorf("%s, %s: %d in flight and %d queued at the end", who.Name, n.Name, g.Inflight(), g.QueueLen())
			}
		}
	}
}

// TestAllLeave: a narrow service that is overloaded from the start, and whose
// clients leave sooner than it can work off a first limit's worth, isn't taken
// for a wide one of which nobody ever gets an answer.
func TestAllLeave(t *testing.T) {
	n := narrow()
	whole, err := n.Play(Contestant{"whole", Levee()})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Goodput < 0.8 {
		t.Errorf("goodput is %.2f of the ideal", whole.Goodput)
	}
	// Unlucky starts, which without the rule blind ended at a goodput of 0, for good.
	scope := Scope{Calls: 20_000, MaxCycles: 60, MaxCalls: 1_500_000}
	for seed, c := range map[uint64]Cell{
		2: {Shape: sim.Exponential, Mean: 10 * time.Millisecond, Workers: 1, Load: 5, Course: Steady, Client: Resetting},
		3: {Shape: sim.LogNormal, Mean: time.Millisecond, Workers: 1, Load: 1.3, Course: Steady, Client: Resetting},
	} {
		s, ok := c.Scenario(scope, c.seed(seed))
		if !ok {
			t.Fatal("the cell is too big")
		}
		r, err := sim.Run(s, Levee())
		if err != nil {
			t.Fatal(err)
		}
		if good := c.measure(&s, r, 0).Goodput; good < 0.5 {
			t.Errorf("%v: goodput is %.2f of the ideal", c, good)
		}
	}
}

// TestHalfHangs: what one endpoint's dependency takes isn't taken from the
// other, which is half of all. Afterwards it recovers in nearly all runs; in
// some, one in eight, what is apart is joined again at an unlucky moment.
func TestHalfHangs(t *testing.T) {
	const runs = 24
	whole, without, unlucky := 0.0, 0.0, 0
	for seed := range uint64(runs) {
		n := halves()
		n.Seed += seed
		with, err := n.playOnce(Contestant{"whole", Levee()})
		if err != nil {
			t.Fatal(err)
		}
		one, err := n.playOnce(Contestant{"without", Levee("apart")})
		if err != nil {
			t.Fatal(err)
		}
		whole += with.Goodput / runs
		without += one.Goodput / runs
		if with.ShedSettled > 0.001 || with.Recovery > 2 || with.Undone {
			unlucky++
		}
	}
	if whole < 0.48 || without > 0.44 {
		t.Errorf("%.2f of all were answered in time, and %.2f with one limit for both", whole, without)
	}
	if unlucky > runs/5 {
		t.Errorf("%d of %d runs didn't recover within 2 s, or not for good", unlucky, runs)
	}
	t.Logf("%.3f, %.3f without, %d unlucky", whole, without, unlucky)
}

// TestReport: a small report has every table and plot, and is the same again.
func TestReport(t *testing.T) {
	write := func(folder string) string {
		who := []Contestant{{"Levee", Levee()}, {bestFixed, nil}, {"none", rivals.None}}
		g := Grid{Cells: Covering(tiny, 1, 1), Drift: DriftCells()[:4], Contestants: who, Scope: tiny, Seed: 1}
		rows, drift, err := g.Run()
		if err != nil {
			t.Fatal(err)
		}
		r := Report{Command: "this test", Cells: "Few.", Seed: 1, Verdict: Judge(&g, rows, drift), Missed: Misses(rows, 0)}
		r.Ablation = &r.Verdict
		if r.AblationStories, err = Rehearse(once(RuleScenarios()[7:]), who); err != nil {
			t.Fatal(err)
		}
		if r.Rehearsed, err = Rehearse(once(NamedScenarios()), who[:1]); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(folder); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(folder, "limiter-results.md"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	folder := t.TempDir()
	text := write(folder)
	for _, want := range []string{"goodput in overload", "| Levee |", "best fixed", "### Slowdown", "(limiter/trickle.svg)", "What each rule is worth", "| trickle | refusals |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report doesn't say %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
		t.Error("the report has figures that aren't")
	}
	plots, err := filepath.Glob(filepath.Join(folder, "limiter", "*.svg"))
	if err != nil || len(plots) != 8 {
		t.Errorf("%d plots, %v", len(plots), err)
	}
	if again := write(t.TempDir()); again != text {
		t.Error("the same seed wrote another report")
	}
}
