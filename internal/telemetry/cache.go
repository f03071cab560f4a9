package telemetry

import "go.opentelemetry.io/otel/attribute"

// Cache is what metrics tell of cached answers.
type Cache struct {
	// Entries are kept, and take Bytes of Budget.
	Entries       int
	Bytes, Budget int64
	// Fetching answers are on their way, and Waiting requests wait for them
	// besides those whose fetches they are.
	Fetching, Waiting int
	// Evicted counts entries that had to make room, and Fetches the requests to
	// upstreams for the cache's sake.
	Evicted, Fetches uint64
	// Purges counts purges by operators, which found PurgedAnswers; Invalidations
	// those by requests that changed something.
	Purges, PurgedAnswers, Invalidations uint64
	// Requests counts requests by how the cache took part in them.
	Requests []CacheRequests
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
}
