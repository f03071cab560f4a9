package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// sample is what Levee and the service said of themselves at a moment.
type sample struct {
	at time.Duration
	// busy and waiting are the service's own; -1 if it didn't say in time.
	busy, waiting int
	// limiter is Levee's; nil without one, or if it didn't say in time.
	limiter *proxy.AdmissionStatus
}

// watch takes a sample for every bucket of time until ctx ends.
func watch(ctx context.Context, start time.Time, v *service, l *levee) []sample {
	var all []sample
	for at := bucket; ; at += bucket {
		timer := time.NewTimer(time.Until(start.Add(at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return all
		}
		within, cancel := context.WithTimeout(ctx, bucket)
		s := sample{at: at}
		var err error
		if s.busy, s.waiting, err = v.load(within); err != nil {
			s.busy, s.waiting = -1, -1
		}
		if l != nil {
			s.limiter = l.look(within)
		}
		cancel()
		all = append(all, s)
	}
}

// tracer writes runs as CSV; one without a file writes nothing.
type tracer struct {
	file *os.File
	csv  *csv.Writer
}

func newTrace(path string) (*tracer, error) {
	if path == "" {
		return &tracer{}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	t := &tracer{file, csv.NewWriter(file)}
	return t, t.csv.Write([]string{
		"scenario", "seed", "seconds", "phase",
		"requests", "attempts", "good", "shed", "given_up", "failed", "p50_ms",
		"service_busy", "service_waiting", "limit", "inflight", "queued", "standing", "baseline_ms", "sheds", "moves", "last_move",
	})
}

func (t *tracer) wanted() bool { return t.file != nil }

// close ends the file; the second time it does nothing.
func (t *tracer) close() error {
	if t.file == nil {
		return nil
	}
	t.csv.Flush()
	err := errors.Join(t.csv.Error(), t.file.Close())
	t.file = nil
	return err
}

// interval counts what happened in a bucket of time: requests and attempts by
// when they began, the rest by when it happened.
type interval struct {
	requests, attempts int
	ended              [gaveUp + 1]int
	took               []time.Duration // by good attempts
}

// intervals sums up a run by buckets.
func intervals(all []request, until time.Duration) []interval {
	sums := make([]interval, until/bucket+1)
	in := func(at time.Duration) *interval {
		return &sums[min(max(int(at/bucket), 0), len(sums)-1)]
	}
	for i := range all {
		in(all[i].due).requests++
		for _, a := range all[i].attempts {
			in(a.began).attempts++
			v := in(a.ended)
			v.ended[a.outcome]++
			if a.outcome == good {
				v.took = append(v.took, a.ended-a.began)
			}
		}
	}
	return sums
}

// write adds a run, a line for each bucket; the samples are those at its end.
func (t *tracer) write(s scenario, r *record) error {
	if !t.wanted() {
		return nil
	}
	sums := intervals(r.requests, s.Duration)
	var before *proxy.AdmissionStatus
	for i, v := range sums[:len(sums)-1] {
		row := []string{
			s.Name, strconv.FormatUint(s.Seed, 10), strconv.FormatFloat((time.Duration(i+1) * bucket).Seconds(), 'f', 2, 64), s.phase(time.Duration(i) * bucket),
			strconv.Itoa(v.requests), strconv.Itoa(v.attempts),
			strconv.Itoa(v.ended[good]), strconv.Itoa(v.ended[shed]), strconv.Itoa(v.ended[gaveUp]), strconv.Itoa(v.ended[failed]),
			fraction(quantile(v.took, 0.5)),
		}
		if i < len(r.samples) {
			row = append(row, r.samples[i].cells(before)...)
			before = cmp.Or(r.samples[i].limiter, before)
		} else {
			row = append(row, make([]string, sampleCells)...)
		}
		if err := t.csv.Write(row); err != nil {
			return err
		}
	}
	t.csv.Flush()
	return t.csv.Error()
}

// phase names the part of the run.
func (s *scenario) phase(at time.Duration) string {
	switch {
	case s.To == 0 || at < s.From:
		return "before"
	case at < s.To:
		return "trigger"
	}
	return "after"
}

// sampleCells is how many cells a sample has.
const sampleCells = 10

// cells are the sample's columns; what a limiter only counts is told as what
// was added since the sample before, if there was one.
func (s sample) cells(before *proxy.AdmissionStatus) []string {
	cells := []string{strconv.Itoa(s.busy), strconv.Itoa(s.waiting)}
	l := s.limiter
	if l == nil {
		return append(cells, make([]string, sampleCells-2)...)
	}
	if before == nil {
		before = &proxy.AdmissionStatus{}
	}
	baseline, last := "", ""
	if len(l.Baselines) > 0 {
		baseline = strconv.FormatFloat(1000*l.Baselines[0].Baseline, 'f', 1, 64)
	}
	if m := l.Move; m != nil {
		last = fmt.Sprintf("%s: %s, from %.1f", m.Rule, m.Why, m.From)
	}
	return append(
		cells,
		strconv.FormatFloat(l.Limit, 'f', 1, 64), strconv.Itoa(l.Inflight), strconv.Itoa(l.Queued), strconv.FormatBool(l.Standing),
		baseline, added(reasons(l), reasons(before)), added(l.Moves, before.Moves), last,
	)
}

// reasons counts what was shed by its reason.
func reasons(l *proxy.AdmissionStatus) map[string]uint64 {
	all := map[string]uint64{}
	for _, s := range l.Sheds {
		all[s.Reason] += s.Count
	}
	return all
}

// added says by how much each count has grown, as in "cut 2 grow 1".
func added(now, before map[string]uint64) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if n := now[name] - before[name]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", name, n))
		}
	}
	return strings.Join(words, " ")
}

// fraction is a duration in milliseconds, with a digit behind the point.
func fraction(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}
