package judge

import (
	"slices"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// replay plays a named scenario with many seeds, from the first request on.
func replay(t *testing.T, file string, seeds int, see func(n *Named, r *sim.Result)) {
	t.Helper()
	all := NamedScenarios()
	n := all[slices.IndexFunc(all, func(n Named) bool { return n.File == file })]
	n.Warmup, n.Trace = 0, false
	if n.To > 0 {
		n.Duration = n.To + 15*time.Second
	}
	n = n.spans()
	for seed := range seeds {
		n.Seed = uint64(seed) + 1
		r, err := sim.Run(n.Scenario, Levee())
		if err != nil {
			t.Fatal(err)
		}
		see(&n, r)
	}
}

// TestDrifts: a service that becomes slower and wider isn't taken for a full
// one, even if now and then a client leaves.
func TestDrifts(t *testing.T) {
	t.Parallel()
	const runs = 48
	mean, worst, shedding := 0.0, 1.0, 0
	replay(t, "drift", runs, func(n *Named, r *sim.Result) {
		during, settled := &r.Groups[spanDuring], &r.Groups[spanSettled]
		goodput := float64(during.Good) / n.IdealOf(spanDuring, during.Offered)
		mean += goodput / runs
		worst = min(worst, goodput)
		if settled.ShedTotal() > 0 {
			shedding++
		}
	})
	t.Logf("%.1f%% of the ideal, %.1f%% in the worst; %d of %d shed after it", 100*mean, 100*worst, shedding, runs)
	if mean < 0.97 || worst < 0.8 || shedding > runs/12 {
		t.Errorf("%.1f%% of the ideal, %.1f%% in the worst; %d of %d shed after it", 100*mean, 100*worst, shedding, runs)
	}
}

// TestRoomForChance: dear requests that happen to come together aren't an
// overload, and nor is a service that stands still for a moment.
func TestRoomForChance(t *testing.T) {
	t.Parallel()
	const runs = 48
	before, after := 0, 0
	replay(t, "mixed", runs, func(_ *Named, r *sim.Result) {
		if r.Groups[spanBefore].ShedTotal() > 0 {
			before++
		}
		if r.Groups[spanSettled].ShedTotal() > 0 {
			after++
		}
	})
	if before > runs/12 || after > runs/12 {
		t.Errorf("mixed costs: %d of %d runs shed before the trigger, %d after", before, runs, after)
	}
	shed, attempts := 0, 0
	replay(t, "pauses", runs/6, func(_ *Named, r *sim.Result) {
		shed += r.Groups[spanBefore].ShedTotal()
		attempts += r.Groups[spanBefore].Attempts
	})
	if share := float64(shed) / float64(attempts); share > 0.001 {
		t.Errorf("pauses: %.2f%% of the attempts were shed", 100*share)
	}
	t.Logf("mixed costs: %d and %d of %d; pauses: %d of %d", before, after, runs, shed, attempts)
}

// TestColdOverload: a cold start at full load, of which a queue in the service
// is all that has ever been seen, doesn't make that queue the baseline while
// clients leave: nothing would tell it from a slow service any more.
func TestColdOverload(t *testing.T) {
	t.Parallel()
	c, ok := Find("16 × 1ms log-normal, 1000% diurnal, resetting")
	if !ok {
		t.Fatal("no such cell")
	}
	scope := Scope{Calls: 20_000, MaxCycles: 60, MaxCalls: 1_500_000}
	s, ok := c.Scenario(scope, c.seed(1))
	if !ok {
		t.Fatal("it doesn't fit")
	}
	r, err := sim.Run(s, Levee())
	if err != nil {
		t.Fatal(err)
	}
	if good := c.measure(&s, r, 1).Goodput; good < 0.9 {
		t.Errorf("%v: goodput is %.1f%% of the ideal", c, 100*good)
	}
}
