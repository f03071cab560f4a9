package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// figures are what one run is worth.
type figures struct {
	Seed uint64 `json:"seed"`
	// Ideal is the share of the requests that came during the trigger which the
	// best possible limiter could get answered in time.
	Ideal float64 `json:"ideal"`
	// Goodput is the share of that ideal which was.
	Goodput float64 `json:"goodput"`
	// Simulated is the same share as the simulator has it, with the same
	// service and clients and the limiter alone; 0 if there is nothing to compare.
	Simulated float64 `json:"simulated,omitempty"`
	// Back is how long after the trigger's end 99% were good again, for good;
	// negative for never. Undone says that it had been so before.
	Back   time.Duration `json:"backNanoseconds"`
	Undone bool          `json:"undone,omitempty"`
	// ShedBefore counts attempts shed before the trigger, or ever if there is
	// none; ShedAfter those shed once nothing may be shed any more, AfterShare
	// is their share of the attempts of that time.
	ShedBefore int     `json:"shedBefore"`
	ShedAfter  int     `json:"shedAfter"`
	AfterShare float64 `json:"shedAfterShare"`
	// P50 and P99 are of the requests answered well during the trigger, from
	// when they were due.
	P50 time.Duration `json:"p50Nanoseconds"`
	P99 time.Duration `json:"p99Nanoseconds"`
	// Requests, Attempts, Shed, GivenUp and Failed count over all of the run.
	Requests int `json:"requests"`
	Attempts int `json:"attempts"`
	Shed     int `json:"shed"`
	GivenUp  int `json:"givenUp"`
	Failed   int `json:"failed"`
	// Upstream is how many attempts reached the service during the trigger, as
	// a share of what it can work off in that time; 0 if there is no trigger.
	Upstream float64 `json:"upstream,omitempty"`
	// Sent counts attempts from the trigger's begin on, or in all if there is
	// none; Against is the same when Levee doesn't know retries, and its
	// refusals are plain; 0 if that wasn't run.
	Sent    int `json:"sent"`
	Against int `json:"sentAgainst,omitempty"`
	// Jobs counts attempts that the service worked on, wanted or not, and
	// Longest is its longest queue.
	Jobs    int `json:"serviceJobs"`
	Longest int `json:"serviceLongestQueue"`
	// CPU is Levee's for each attempt; 0 without Levee.
	CPU time.Duration `json:"leveeCPUPerAttemptNanoseconds"`
	// Clients, Service, Levee and Others are the cores that each has used.
	Clients float64 `json:"clientsCores"`
	Service float64 `json:"serviceCores"`
	Levee   float64 `json:"leveeCores"`
	Others  float64 `json:"othersCores"`
	// Slip is how late requests were sent, Late how late the service's timers
	// were (p99), SlipWorst the worst of the first.
	Slip      time.Duration `json:"slipP99Nanoseconds"`
	SlipWorst time.Duration `json:"slipWorstNanoseconds"`
	Late      time.Duration `json:"serviceLateP99Nanoseconds"`
	// Unfit says why the figures mean nothing; empty if they do.
	Unfit string `json:"unfit,omitempty"`
}

// slipBar is how late the clients and the service may be (p99): more than that,
// and the machine was too busy to play either. stallBar is how long it may have
// stood still once: for longer than a request takes, and that was an incident
// of its own.
const (
	slipBar  = 20 * time.Millisecond
	stallBar = 40 * time.Millisecond
)

// measure takes a run's figures.
func measure(s scenario, r *record) figures {
	f := figures{
		Seed: s.Seed, Requests: len(r.requests), Jobs: r.service.Jobs, Longest: r.service.Longest, Late: r.service.Late,
	}
	from, to := s.span()
	f.goodput(&s, r.requests, from, to)
	if s.To > 0 {
		f.Back, f.Undone = back(r.requests, s.To, s.Duration)
	}
	f.count(&s, r.requests)
	f.upstream(&s, r.service.Phases)
	f.cpu(r)
	slips := make([]time.Duration, len(r.requests))
	for i := range r.requests {
		slips[i] = r.requests[i].slip()
	}
	f.Slip, f.SlipWorst = quantile(slips, 0.99), quantile(slips, 1)
	f.Unfit = f.tooBusy()
	return f
}

// tooBusy says why the figures mean nothing; empty if they do.
func (f *figures) tooBusy() string {
	for _, late := range []struct {
		who     string
		by, bar time.Duration
	}{
		{"requests were sent %s late (p99; at most %s)", f.Slip, slipBar},
		{"the service's timers were %s late (p99; at most %s)", f.Late, slipBar},
		{"a request was sent %s late (at most %s)", f.SlipWorst, stallBar},
	} {
		if late.by > late.bar {
			return fmt.Sprintf("the machine was too busy: "+late.who, milliseconds(late.by), milliseconds(late.bar))
		}
	}
	return ""
}

// goodput compares what was answered well in a span with what could have been.
func (f *figures) goodput(s *scenario, all []request, from, to time.Duration) {
	came, answered := 0, 0
	var took []time.Duration
	for i := range all {
		r := &all[i]
		if from <= r.due && r.due < to {
			came++
		}
		at, ok := r.good()
		if !ok {
			continue
		}
		// Without a trigger the span has no edges: what comes in it counts,
		// whenever it is answered.
		if s.To == 0 || from <= at && at < to {
			answered++
			took = append(took, at-r.due)
		}
	}
	ideal := s.IdealOf(0, came)
	f.Ideal = ratio(ideal, float64(came))
	f.Goodput = ratio(float64(answered), ideal)
	f.P50, f.P99 = quantile(took, 0.5), quantile(took, 0.99)
}

// count counts attempts.
func (f *figures) count(s *scenario, all []request) {
	quiet := 0
	for i := range all {
		for _, a := range all[i].attempts {
			f.Attempts++
			if a.began >= s.From {
				f.Sent++
			}
			late := s.To > 0 && a.began >= s.Quiet
			if late {
				quiet++
			}
			switch a.outcome {
			case shed:
				f.Shed++
				if s.To == 0 || a.ended < s.From {
					f.ShedBefore++
				} else if late {
					f.ShedAfter++
				}
			case gaveUp:
				f.GivenUp++
			case failed:
				f.Failed++
			}
		}
	}
	f.AfterShare = ratio(float64(f.ShedAfter), float64(quiet))
}

// upstream compares what reached the service during the trigger with what it
// can do, by the service's own account.
func (f *figures) upstream(s *scenario, phases []phase) {
	const trigger = 1 // the condition changes when it begins
	if s.To == 0 || len(phases) <= trigger {
		return
	}
	p := phases[trigger]
	f.Upstream = ratio(float64(p.Came), s.capacity(s.From)*p.Lasted.Seconds())
}

// fall is by which share clients sent fewer attempts than with plain refusals.
func (f figures) fall() float64 { return 1 - ratio(float64(f.Sent), float64(f.Against)) }

// cpu shares out what was used.
func (f *figures) cpu(r *record) {
	cores := func(d time.Duration) float64 { return ratio(d.Seconds(), r.elapsed.Seconds()) }
	f.Clients, f.Service, f.Levee = cores(r.cpu.clients), cores(r.cpu.service), cores(r.cpu.levee)
	f.Others = max(0, cores(r.cpu.machine)-f.Clients-f.Service-f.Levee)
	if f.Attempts > 0 {
		f.CPU = r.cpu.levee / time.Duration(f.Attempts)
	}
}

// never is how long it takes to be back when it doesn't happen.
const never = time.Duration(-1)

// bucket is how finely the way back is looked at, and a trace.
const bucket = 250 * time.Millisecond

// back returns how long after a trigger's end the requests that came began to
// be answered well again, 99% of them, and stayed so; undone says that this had
// been so for a second before, and was lost again.
//
// It looks at stretches of at least `steady` requests, as the simulator's judge
// does: a single failure is no outage.
func back(all []request, end, until time.Duration) (after time.Duration, undone bool) {
	const steady = 300
	buckets := make([]struct{ came, answered int }, (until-end)/bucket)
	for i := range all {
		b := int((all[i].due - end) / bucket)
		if all[i].due < end || b >= len(buckets) {
			continue
		}
		buckets[b].came++
		if _, ok := all[i].good(); ok {
			buckets[b].answered++
		}
	}
	since, wasWell := -1, false // since is the first bucket of those that are well
	for i := range buckets {
		came, answered := 0, 0
		for j := i; j < len(buckets) && came < steady; j++ {
			came += buckets[j].came
			answered += buckets[j].answered
		}
		if came < steady && i > 0 {
			break // too little is left to be judged
		}
		if float64(answered) >= 0.99*float64(came) {
			if since < 0 {
				since = i
			}
			continue
		}
		wasWell = wasWell || since >= 0 && time.Duration(i-since)*bucket >= time.Second
		since = -1
		undone = wasWell
	}
	if since < 0 {
		return never, undone
	}
	return time.Duration(since) * bucket, undone
}

// quantile returns the value that a share of q is not above; 0 if there are none.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
