package main

import (
	"slices"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// observe tells a scrape what only the running parts know.
func observe(g *telemetry.Gauges, status proxy.Status, info config.Info, sinks []telemetry.SinkStats) {
	for _, l := range status.Listeners {
		g.Listener(l.Address, l.Connections, l.MaxConnections, l.Accepted, l.Delayed)
		for _, c := range l.Certificates {
			g.Certificate(l.Address, c.File, c.NotAfter)
		}
	}
	for _, u := range status.Upstreams {
		for _, e := range u.Endpoints {
			g.Endpoint(u.Name, e.Address, e.State, e.Inflight, e.Connections, e.Latency)
			if e.Admission != nil {
				g.Admission(u.Name, e.Address, admission(e.Admission))
			}
		}
		if u.Storm != nil {
			g.Storm(u.Name, inbound(u.Storm))
		}
		if u.Retries != nil {
			g.Retries(u.Name, retried(u.Retries))
		}
		if r := u.Refreshes; r != nil {
			g.Refreshes(u.Name, r.Succeeded, r.Failed, r.Unpaid, r.Crowded)
		}
	}
	g.Config(info.Hash, info.AppliedAt, info.Reloads, info.Refused)
	for _, s := range sinks {
		g.Sink(s.Name, s.Written, s.Dropped, s.Errors)
	}
	g.Counter("levee_panics_total", "Requests that ended in a panic.", status.Panics)
	if i := status.Idempotency; i != nil {
		g.Idempotency(keyed(i))
	}
	if c := status.Cache; c != nil {
		g.Cache(cached(c, time.Now()))
	}
	if s := status.State; s != nil {
		g.State(s.Written, s.Errors)
	}
}

// stormStates are the states of storms by number, as metrics have them.
var stormStates = []string{"calm", "watch", "storm", "recovering"}

// inbound turns a status into numbers for metrics.
func inbound(s *proxy.StormStatus) *telemetry.Storm {
	m := &telemetry.Storm{
		State: slices.Index(stormStates, s.State), Entered: s.Entered,
		RetryRatio: s.Recent.RetryRatio, Amplification: s.Recent.Amplification,
		BudgetLeft: s.Budget.Left, Told: s.Told, Kept: s.Kept,
	}
	for _, r := range s.Retries {
		m.Retries = append(m.Retries, telemetry.InboundRetries{How: r.How, Admitted: r.Seen - min(r.Shed, r.Seen), Shed: r.Shed})
	}
	return m
}

// retried turns a status into numbers for metrics.
func retried(s *proxy.RetryStatus) *telemetry.Retries {
	m := &telemetry.Retries{BudgetLeft: s.Left, GivenUp: s.GivenUp, Hedges: s.Hedges}
	for _, r := range s.Sent {
		m.Sent = append(m.Sent, telemetry.SentRetries(r))
	}
	return m
}

// keyed turns a status of keyed requests into numbers for metrics.
func keyed(s *proxy.IdempotencyStatus) *telemetry.Idempotency {
	i := &telemetry.Idempotency{Keys: s.Keys, Running: s.Running, Doubtful: s.Doubtful, Bytes: s.Bytes, Results: map[string]map[string]uint64{}}
	if j := s.Journal; j != nil {
		i.Journal, i.Failing, i.JournalBytes = true, j.Error != "", j.Bytes
	}
	for _, r := range s.Routes {
		i.Results[r.Name] = r.Results
	}
	return i
}

// cached turns a status of cached answers into numbers for metrics.
func cached(s *proxy.CacheStatus, now time.Time) *telemetry.Cache {
	c := &telemetry.Cache{
		Entries: s.Entries, Bytes: s.Bytes, Budget: s.Budget, Fetching: s.Fetching, Waiting: s.Waiting,
		FetchingBytes: s.FetchingBytes, FetchingBudget: s.FetchingBudget, LaggingBytes: s.LaggingBytes, Crowded: s.Crowded,
		Evicted: s.Evicted, Fetches: s.Fetches, Invalidations: s.Invalidations, Purges: s.Purges.Times, PurgedAnswers: s.Purges.Answers,
	}
	if f := s.Snapshot; f != nil {
		c.Snapshot = snapshotted(f, now)
	}
	for _, route := range s.Routes {
		for _, r := range route.Results {
			c.Requests = append(c.Requests, telemetry.CacheRequests{Route: route.Name, Result: r.Result, Rung: r.Rung, Count: r.Count})
		}
	}
	return c
}

// snapshotted turns a status of the cache's file into numbers for metrics.
func snapshotted(f *proxy.CacheSnapshotStatus, now time.Time) *telemetry.CacheSnapshot {
	return &telemetry.CacheSnapshot{
		Age: max(now.Sub(f.Written), 0), Bytes: f.Bytes, Took: time.Duration(f.WriteSeconds * float64(time.Second)),
		Written: f.Writes, Failed: f.Errors, Restored: f.Restored, LeftOut: f.LeftOut, Ignored: f.Ignored != "",
	}
}

// admission turns a status into numbers for metrics.
func admission(s *proxy.AdmissionStatus) *telemetry.Admission {
	a := &telemetry.Admission{
		Limit: s.Limit, Inflight: s.Inflight, Abandoned: s.Abandoned, Queued: s.Queued, Standing: s.Standing,
		Streams: s.Streams, MaxStreams: s.MaxStreams, StreamsShed: s.StreamsShed,
		Admitted: s.Admitted, Cancelled: s.Cancelled, Moves: s.Moves,
		Waits:     telemetry.Histogram{Bounds: s.Waits.Bounds, Buckets: s.Waits.Buckets, Count: s.Waits.Count, Sum: s.Waits.Sum},
		Baselines: map[string]float64{},
	}
	for _, b := range s.Baselines {
		a.Baselines[b.Class] = b.Baseline
	}
	for _, n := range s.Sheds {
		a.Sheds = append(a.Sheds, telemetry.Shed{Reason: n.Reason, Priority: n.Priority, First: n.Count - n.Retries, Retries: n.Retries})
	}
	return a
}
