package main

import (
	"math"
	"testing"
	"time"
)

// every makes requests at equal distances, each answered after 40 ms with one
// attempt if well says so, and shed otherwise.
func every(distance, from, to time.Duration, well func(i int, due time.Duration) bool) []request {
	var all []request
	for i, due := 0, from; due < to; i, due = i+1, due+distance {
		r := request{due: due, attempts: []attempt{{due, due + 40*ms, good}}}
		if !well(i, due) {
			r.attempts[0].outcome = shed
		}
		all = append(all, r)
	}
	return all
}

// TestBack: when a service is back, and when it only seems so.
func TestBack(t *testing.T) {
	t.Parallel()
	const end, until = 10 * time.Second, 25 * time.Second
	at := func(from, to time.Duration) func(int, time.Duration) bool {
		return func(_ int, due time.Duration) bool { return due < end+from || due >= end+to }
	}
	for _, c := range []struct {
		name   string
		well   func(int, time.Duration) bool
		want   time.Duration
		undone bool
	}{
		{"at once", func(int, time.Duration) bool { return true }, 0, false},
		{"what came during the trigger doesn't count", at(-time.Second, 0), 0, false},
		{"after a second", at(0, time.Second), time.Second, false},
		{"after a little more, to the next quarter of a second", at(0, 1100*ms), 1250 * ms, false},
		{"never", at(0, time.Hour), never, false},
		{"one failure in two hundred is no outage", func(i int, _ time.Duration) bool { return i%200 != 0 }, 0, false},
		{"one in fifty is one", func(i int, _ time.Duration) bool { return i%50 != 0 }, never, false},
		{"lost again", func(_ int, due time.Duration) bool { return due < end+5*time.Second || due > end+6*time.Second }, 6 * time.Second, true},
	} {
		got, undone := back(every(4*ms, 0, until, c.well), end, until)
		if got != c.want || undone != c.undone {
			t.Errorf("%s: %v, undone %v; want %v, %v", c.name, got, undone, c.want, c.undone)
		}
	}
}

// TestMeasure: a run of known requests has known figures.
func TestMeasure(t *testing.T) {
	t.Parallel()
	s := find("loss", false) // ideal: 200 of 280
	// 250 a second, of which half are answered during the trigger, and one is
	// shed long before it and one long after.
	const each = 4 * ms
	all := every(each, 0, s.Duration, func(i int, due time.Duration) bool {
		during := s.From <= due && due < s.To
		return i != 10 && i != int((s.Quiet+time.Second)/each) && (!during || i%2 == 0)
	})
	all[3].attempts[0].began += 7 * ms
	r := &record{
		requests: all, elapsed: 10 * time.Second,
		cpu:     usage{clients: time.Second, service: 2 * time.Second, levee: time.Second, machine: 5 * time.Second},
		service: served{Jobs: 5, Longest: 6, Late: 21 * ms, Phases: []phase{{9, time.Second}, {1050, 5 * time.Second}, {7, time.Second}}},
	}
	f := measure(s, r)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.01 {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	near("ideal", f.Ideal, 200.0/250)
	near("goodput", f.Goodput, 125.0/200)
	near("at the service", f.Upstream, 1050/(200*5.0))
	near("fewer attempts", figures{Sent: 200, Against: 1000}.fall(), 0.8)
	near("share after", f.AfterShare*1000, 1000/(250*(s.Duration-s.Quiet).Seconds()))
	near("levee's cores", f.Levee, 0.1)
	near("others' cores", f.Others, 0.1)
	for what, pair := range map[string][2]int{
		"shed before": {f.ShedBefore, 1}, "shed after": {f.ShedAfter, 1}, "attempts": {f.Attempts, len(all)},
		"sent": {f.Sent, len(all) - int(s.From/each)},
		"jobs": {f.Jobs, 5}, "longest": {f.Longest, 6}, "given up": {f.GivenUp, 0},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", what, pair[0], pair[1])
		}
	}
	if f.Back != 0 || f.P50 != 40*ms || f.P99 != 40*ms {
		t.Errorf("back after %v, p50 %v, p99 %v", f.Back, f.P50, f.P99)
	}
	if f.SlipWorst != 7*ms || f.Slip != 0 {
		t.Errorf("slip %v, worst %v", f.Slip, f.SlipWorst)
	}
	if f.CPU != time.Second/time.Duration(len(all)) {
		t.Errorf("%v an attempt", f.CPU)
	}
	if f.Unfit == "" {
		t.Error("timers 21 ms late went through")
	}
	r.service.Late = 20 * ms
	if f := measure(s, r); f.Unfit != "" {
		t.Error(f.Unfit)
	}
}

// TestMeasureWithoutTrigger: all of the run counts as before it.
func TestMeasureWithoutTrigger(t *testing.T) {
	t.Parallel()
	s := find("trickle", false)
	f := measure(s, &record{requests: every(500*ms, 0, s.Duration, func(i int, _ time.Duration) bool { return i != 119 }), elapsed: time.Second})
	if f.ShedBefore != 1 || f.ShedAfter != 0 || math.Abs(f.Goodput-119.0/120) > 0.001 || f.Back != 0 {
		t.Errorf("%+v", f)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []time.Duration{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0: 1, 0.2: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}
