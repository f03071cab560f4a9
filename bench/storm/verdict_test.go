package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestVerdict: each bar by itself, at its edge and beyond it.
func TestVerdict(t *testing.T) {
	t.Parallel()
	fine := figures{Goodput: 0.95, Back: 2 * time.Second, ShedAfter: 3, AfterShare: 0.001}
	with := func(change func(*figures)) figures {
		f := fine
		change(&f)
		return f
	}
	fell := func(to int) figures { return with(func(f *figures) { f.Sent, f.Against = to, 1000 }) }
	low := with(func(f *figures) { f.Goodput = 0.9 })
	for _, c := range []struct {
		name     string
		scenario string
		runs     []figures
		missed   []string
	}{
		{"at every bar", "loss", []figures{fine}, nil},
		{"goodput by the median", "loss", []figures{fine, fine, low}, nil},
		{"goodput", "loss", []figures{fine, low, low}, []string{"goodput 90.0% of the ideal, at least 95.0%"}},
		{"back by the worst", "loss", []figures{fine, with(func(f *figures) { f.Back = 2250 * ms })}, []string{"back after 2.25 s, at most 2.00 s"}},
		{"not back", "loss", []figures{fine, with(func(f *figures) { f.Back = never })}, []string{"never back, at most 2.00 s"}},
		{"shed before", "loss", []figures{fine, with(func(f *figures) { f.ShedBefore = 1 })}, []string{"1 shed before, none may be"}},
		{"shed after", "loss", []figures{fine, with(func(f *figures) { f.AfterShare = 0.0011 })}, []string{"0.11% shed after, at most 0.10%"}},
		{"shed after a drift", "drift", []figures{fine}, []string{"3 shed after, none may be"}},
		{"several", "loss", []figures{with(func(f *figures) { f.Goodput, f.Back = 0.5, never })}, []string{"goodput 50.0% of the ideal, at least 95.0%", "never back, at most 2.00 s"}},
		{"unfit runs don't count", "loss", []figures{fine, with(func(f *figures) { f.Goodput, f.Unfit = 0.5, "busy" })}, nil},
		{"too much reached it", "loss", []figures{fine, with(func(f *figures) { f.Upstream = 1.11 })}, []string{"111.0% of what the service can do reached it, at most 110.0%"}},
		{"what reaches it in a surge is nobody's fault", "surge", []figures{with(func(f *figures) { f.ShedAfter, f.AfterShare, f.Upstream = 0, 0, 1.2 })}, nil},
		{"told, and did it", "honouring", []figures{fell(200)}, nil},
		{"told, and did not", "honouring", []figures{fell(200), fell(300)}, []string{"70.0% fewer attempts than with plain refusals, at least 80.0%"}},
		{"none is fit", "loss", []figures{with(func(f *figures) { f.Unfit = "busy" })}, []string{"not measured"}},
	} {
		l := judgeRuns(find(c.scenario, false), throughLevee, c.runs)
		if !slices.Equal(l.Missed, c.missed) || l.Met != (len(c.missed) == 0) {
			t.Errorf("%s: %q, met %v; want %q", c.name, l.Missed, l.Met, c.missed)
		}
	}
}

// TestTable: what a reader sees of a scenario that met the bars, and of one that
// was measured badly.
func TestTable(t *testing.T) {
	t.Parallel()
	run := func(goodput float64, back time.Duration, unfit string) figures {
		return figures{
			Upstream: 0.98, Sent: 5000, Against: 50000, Ideal: 0.271, Goodput: goodput, Simulated: 0.98, Back: back, P50: 150 * ms, P99: 390 * ms, Requests: 8680, Attempts: 12000,
			CPU: 90 * time.Microsecond, Slip: 2 * ms, SlipWorst: 9 * ms, Late: 3 * ms, Unfit: unfit,
		}
	}
	var b strings.Builder
	err := writeTable(&b, throughLevee, []line{
		judgeRuns(find("slowdown", false), throughLevee, []figures{run(0.99, 0, ""), run(0.96, 250*ms, ""), run(0.97, 0, ""), run(0.1, never, "late")}),
		judgeRuns(find("surge", false), throughLevee, []figures{run(0.94, 0, "")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Through levee run, with no configuration; of several runs: minimum, median, maximum",
		"",
		"| scenario | ideal | goodput, of it      | simulated | at the service, of what it can do | 99% back | shed before | shed after  | p50, p99 of good   | requests | attempts | sent since the trigger, and with plain 503s | CPU an attempt | verdict                                                   |",
		"|----------|-------|---------------------|-----------|-----------------------------------|------------------------|-------------|-------------|--------------------|----------|----------|---------------------------------------------|----------------|---------------------------------------------------------|",
		"| *bar*    |       | ≥ 95.0%             |           | ≤ 110.0% | ≤ 2.00 s               | 0           | 0 or ≤ 0.1% |                    |          |          | 80.0% fewer | |                                                           |",
		"| slowdown | 27.1% | 96.0%, 97.0%, 99.0% | 98.0%     | 98.0% | 0.00 s, 0.00 s, 0.25 s | 0           | 0.0%        | 150.0 ms, 390.0 ms | 8680     | 12000    | 5000, 50000: 90.0% fewer | 90 µs          | met (1 of 4 runs not counted: the machine was too busy)   |",
		"| surge    | 27.1% | 94.0%               | 98.0%     | 98.0% | 0.00 s                 | 0           | 0.0%        | 150.0 ms, 390.0 ms | 8680     | 12000    | 5000, 50000: 90.0% fewer | 90 µs          | missed: goodput 94.0% of the ideal, at least 95.0%        |",
		"",
		"slowdown: requests sent 2.0 ms late (p99; worst 9.0 ms), the service's timers 3.0 ms; cores used: clients 0.00, service 0.00, levee 0.00, others 0.00 (the highest of the runs)",
		"surge: requests sent 2.0 ms late (p99; worst 9.0 ms), the service's timers 3.0 ms; cores used: clients 0.00, service 0.00, levee 0.00, others 0.00 (the highest of the runs)",
		"",
	}
	if got := b.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(strings.Join(want, "\n")), " ") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}
