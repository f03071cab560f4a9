package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// Cache is what metrics tell of cached answers.
type Cache struct {
	// Entries are kept, and take Bytes of Budget.
	Entries       int
	Bytes, Budget int64
	// Fetching answers are on their way, and Waiting requests wait for them
	// besides those whose fetches they are.
	Fetching, Waiting int
	// FetchingBytes are what answers take that are on their way to be stored, of
	// FetchingBudget, and LaggingBytes what those still take that slow clients
	// are reading.
	FetchingBytes, FetchingBudget, LaggingBytes int64
	// Crowded counts answers that were not stored as others on their way had taken
	// all of that.
	Crowded uint64
	// Evicted counts entries that had to make room, and Fetches the requests to
	// upstreams for the cache's sake.
	Evicted, Fetches uint64
	// Purges counts purges by operators, which found PurgedAnswers; Invalidations
	// those by requests that changed something.
	Purges, PurgedAnswers, Invalidations uint64
	// Requests counts requests by how the cache took part in them.
	Requests []CacheRequests
	// Snapshot tells of the file that outlives a restart; nil: there is none.
	Snapshot *CacheSnapshot
}

// CacheSnapshot is what metrics tell of the cache's file.
type CacheSnapshot struct {
	// Age is the time since it was written, zero if that wasn't since the start.
	Age time.Duration
	// Bytes is its size, Took how long it took to write it.
	Bytes int64
	Took  time.Duration
	// Written and Failed count writes; Restored and LeftOut the answers that were
	// in it at the start, by whether they were taken. Ignored: it was damaged, or
	// none of ours.
	Written, Failed   uint64
	Restored, LeftOut int
	Ignored           bool
}

// CacheRequests counts requests of a route.
type CacheRequests struct {
	Route, Result, Rung string
	Count               uint64
}

// Cache tells of cached answers.
func (g *Gauges) Cache(c *Cache) {
	g.add("levee.cache.entries", "Answers that are kept in the cache.", "{entry}", gaugeSum, float64(c.Entries))
	g.add("levee.cache.size", "What the cache takes in memory.", "By", gaugeSum, float64(c.Bytes))
	g.add("levee.cache.max_size", "What the cache may take in memory.", "By", gaugeSum, float64(c.Budget))
	g.add("levee.cache.fetching", "Answers that are being fetched for the cache.", "{fetch}", gaugeSum, float64(c.Fetching))
	g.add("levee.cache.waiting", "Requests that wait for another one's fetch.", "{request}", gaugeSum, float64(c.Waiting))
	g.add("levee.cache.fetching.size", "What answers take in memory that are being fetched to be stored.", "By", gaugeSum, float64(c.FetchingBytes))
	g.add("levee.cache.fetching.max_size", "What answers may take in memory that are being fetched to be stored.", "By", gaugeSum, float64(c.FetchingBudget))
	g.add("levee.cache.lagging.size", "What answers take in memory that were fetched, for clients that still read them.", "By", gaugeSum, float64(c.LaggingBytes))
	g.add("levee.cache.crowded", "Answers that were passed on without being stored, as those being fetched had taken all that they may.", "", counter, float64(c.Crowded))
	g.add("levee.cache.evictions", "Answers that were dropped to make room.", "", counter, float64(c.Evicted))
	const purged = "How often something cached was purged, by operators and by requests that changed it."
	g.add("levee.cache.purges", purged, "", counter, float64(c.Purges), attribute.String("by", "operator"))
	g.add("levee.cache.purges", purged, "", counter, float64(c.Invalidations), attribute.String("by", "request"))
	g.add("levee.cache.purged_answers", "Cached answers that purges by operators have found.", "", counter, float64(c.PurgedAnswers))
	g.add("levee.cache.fills", "Fetches for the cache: misses, validations and refreshes.", "", counter, float64(c.Fetches))
	for _, r := range c.Requests {
		g.add("levee.cache.requests", "Requests on routes with a cache or a fallback, by how it took part.", "", counter, float64(r.Count),
			attribute.String("route", validLabel(r.Route)), attribute.String("result", r.Result), attribute.String("rung", r.Rung))
	}
	if c.Snapshot != nil {
		g.cacheSnapshot(c.Snapshot)
	}
}

func (g *Gauges) cacheSnapshot(s *CacheSnapshot) {
	if s.Written > 0 {
		g.add("levee.cache.snapshot.age", "Time since the cache's snapshot was written.", "s", gaugeLargest, s.Age.Seconds())
		g.add("levee.cache.snapshot.size", "Size of the cache's snapshot.", "By", gaugeSum, float64(s.Bytes))
		g.add("levee.cache.snapshot.duration", "How long it took to write the cache's snapshot.", "s", gaugeLargest, s.Took.Seconds())
	}
	const writes = "Snapshots of the cache, by what came of writing them."
	g.add("levee.cache.snapshot.writes", writes, "", counter, float64(s.Written), attribute.String("result", "success"))
	g.add("levee.cache.snapshot.writes", writes, "", counter, float64(s.Failed), attribute.String("result", "failure"))
	const answers = "Answers in the cache's snapshot at the start, by whether they were taken."
	g.add("levee.cache.snapshot.answers", answers, "", counter, float64(s.Restored), attribute.String("result", "restored"))
	g.add("levee.cache.snapshot.answers", answers, "", counter, float64(s.LeftOut), attribute.String("result", "left_out"))
	ignored := 0.0
	if s.Ignored {
		ignored = 1
	}
	g.add("levee.cache.snapshot.ignored", "1 if the cache's snapshot was damaged or foreign at the start, and ignored, or in part.", "", gaugeLargest, ignored)
}

// Refreshes tells of cached answers that were fetched anew, by what came of it.
func (g *Gauges) Refreshes(upstream string, succeeded, failed, unpaid, crowded uint64) {
	u := keyUpstream.String(validLabel(upstream))
	for _, r := range []struct {
		result string
		n      uint64
	}{{"success", succeeded}, {"failure", failed}, {"no_budget", unpaid}, {"no_room", crowded}} {
		g.add("levee.cache.refreshes", "Refreshes of cached answers behind requests: those that were sent, by what came of them, and those that were put off.", "", counter, float64(r.n), u, attribute.String("result", r.result))
	}
}
