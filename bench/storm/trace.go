package main

import (
	"context"
	"encoding/csv"
	"errors"
	"os"
	"strconv"
	"time"
)

// sample is what Levee and the service said of themselves at a moment.
type sample struct {
	at time.Duration
	// busy and waiting are the service's own; -1 if it didn't say in time.
	busy, waiting int
	// limiter is Levee's; nil without one, or if it didn't say in time.
	limiter *limiterState
}

// limiterState is what Levee says of its limiter.
type limiterState struct {
	limit            float64
	inflight, queued int
	baseline         time.Duration
	rule, why        string
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
		"service_busy", "service_waiting", "limit", "inflight", "queued", "baseline_ms", "rule", "why",
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
	for i, v := range sums[:len(sums)-1] {
		row := []string{
			s.Name, strconv.FormatUint(s.Seed, 10), strconv.FormatFloat((time.Duration(i+1) * bucket).Seconds(), 'f', 2, 64), s.phase(time.Duration(i) * bucket),
			strconv.Itoa(v.requests), strconv.Itoa(v.attempts),
			strconv.Itoa(v.ended[good]), strconv.Itoa(v.ended[shed]), strconv.Itoa(v.ended[gaveUp]), strconv.Itoa(v.ended[failed]),
			fraction(quantile(v.took, 0.5)),
		}
		if i < len(r.samples) {
			row = append(row, r.samples[i].cells()...)
		} else {
			row = append(row, make([]string, 8)...)
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

func (s sample) cells() []string {
	cells := []string{strconv.Itoa(s.busy), strconv.Itoa(s.waiting)}
	if s.limiter == nil {
		return append(cells, make([]string, 6)...)
	}
	l := s.limiter
	return append(cells, strconv.FormatFloat(l.limit, 'f', 1, 64), strconv.Itoa(l.inflight), strconv.Itoa(l.queued), fraction(l.baseline), l.rule, l.why)
}

// fraction is a duration in milliseconds, with a digit behind the point.
func fraction(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}
