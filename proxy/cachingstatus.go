package proxy

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/levee-proxy/levee/cache"
)

// cacheResult is how the cache took part in a request.
type cacheResult uint8

const (
	cacheNone cacheResult = iota
	cacheHit
	cacheMaxStale
	cacheWhileRevalidate
	cacheIfError
	cacheOnOverload
	cacheLastKnownGood
	cacheRevalidated
	cacheMiss
	cacheCoalesced
	cacheBypass
	cacheUnsatisfied
	cacheFallback
	cacheResults
)

// cacheResultNames are results as metrics have them, and the rung of the ladder
// where it isn't the first.
var cacheResultNames = [cacheResults]struct{ result, rung string }{
	cacheNone:            {"none", ""},
	cacheHit:             {"hit", "fresh"},
	cacheMaxStale:        {"stale", "max-stale"},
	cacheWhileRevalidate: {"stale", "stale-while-revalidate"},
	cacheIfError:         {"stale", "stale-if-error"},
	cacheOnOverload:      {"stale", "stale-on-overload"},
	cacheLastKnownGood:   {"stale", "last-known-good"},
	cacheRevalidated:     {"revalidated", "fresh"},
	cacheMiss:            {"miss", "none"},
	cacheCoalesced:       {"coalesced", "fresh"},
	cacheBypass:          {"bypass", "none"},
	cacheUnsatisfied:     {"unsatisfied", "none"},
	cacheFallback:        {"fallback", "fallback"},
}

// String is the result as the access log has it.
func (r cacheResult) String() string {
	if n := cacheResultNames[r]; n.result == "stale" {
		return n.rung
	} else {
		return n.result
	}
}

func resultOfUse(u cache.Use) cacheResult {
	switch u {
	case cache.UseMaxStale:
		return cacheMaxStale
	case cache.UseStaleWhileRevalidate:
		return cacheWhileRevalidate
	case cache.UseStaleIfError:
		return cacheIfError
	case cache.UseStaleOnOverload:
		return cacheOnOverload
	case cache.UseLastKnownGood:
		return cacheLastKnownGood
	}
	return cacheHit
}

// cacheCounts are one route's.
type cacheCounts [cacheResults]atomic.Uint64

func (c *caching) countsOf(route string) *cacheCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts[route]
	if n == nil {
		n = &cacheCounts{}
		c.counts[route] = n
	}
	return n
}

// count notes how the cache took part in a request that is over.
func (t *cacheTurn) count(x *exchange) {
	if t.result == cacheNone {
		return
	}
	x.record.Cache = t.result.String()
	x.route.cacheCounts[t.result].Add(1)
}

// CacheStatus is a snapshot of the cache.
type CacheStatus struct {
	// Entries is how many answers are kept, Bytes what they take of Budget.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
	Budget  int64 `json:"budget"`
	// Evicted counts those that had to make room, Invalidations the requests
	// that changed what was cached, and Purges what operators have purged.
	Evicted       uint64      `json:"evicted"`
	Invalidations uint64      `json:"invalidations"`
	Purges        PurgeStatus `json:"purges"`
	// Fetching is how many answers are being fetched, Waiting how many requests
	// wait for another one's fetch.
	Fetching int `json:"fetching"`
	Waiting  int `json:"waiting"`
	// FetchingBytes is what those take that are to be stored, of
	// FetchingBudget; LaggingBytes what those still take that were fetched and
	// that slow clients are reading. Crowded counts the answers that were not
	// stored as there was no room among the former.
	FetchingBytes  int64  `json:"fetchingBytes"`
	FetchingBudget int64  `json:"fetchingBudget"`
	LaggingBytes   int64  `json:"laggingBytes"`
	Crowded        uint64 `json:"crowded"`
	// Fetches counts requests to upstreams for the cache's sake; Joined the
	// requests that waited for one of another, Refused those that couldn't, as
	// too many waited.
	Fetches uint64 `json:"fetches"`
	Joined  uint64 `json:"joined"`
	Refused uint64 `json:"refused"`
	// Snapshot tells of the file that outlives a restart; nil: there is none.
	Snapshot *CacheSnapshotStatus `json:"snapshot,omitempty"`
	// Routes are those with a cache or a fallback that had requests, by name.
	Routes []CachedRoute `json:"routes"`
}

// CachedRoute counts a route's requests by how the cache took part in them.
type CachedRoute struct {
	Name    string        `json:"name"`
	Results []CacheResult `json:"results"`
}

// CacheResult counts requests.
type CacheResult struct {
	// Result is hit, stale, revalidated, miss, coalesced, bypass, unsatisfied
	// or fallback.
	Result string `json:"result"`
	// Rung of the ladder: fresh, stale-while-revalidate, stale-if-error,
	// stale-on-overload, last-known-good, max-stale, fallback or none.
	Rung  string `json:"rung"`
	Count uint64 `json:"count"`
}

// status takes a snapshot; nil where no route caches or has a fallback.
func (c *caching) status() *CacheStatus {
	s := &CacheStatus{Invalidations: c.invalidations.Load(), Purges: c.purges.status(), Snapshot: c.file.told()}
	if parts := c.parts.Load(); parts != nil {
		kept, under := parts.store.Stats(), parts.fetches.Stats()
		s.Entries, s.Bytes, s.Budget, s.Evicted = kept.Entries, kept.Bytes, kept.Budget, kept.Evicted
		s.Fetching, s.Waiting, s.Fetches, s.Joined, s.Refused = under.Keys, under.Waiters, under.Fetches, under.Joined, under.Refused
		s.FetchingBytes, s.FetchingBudget, s.LaggingBytes, s.Crowded = under.Bytes, under.MaxBytes, under.Behind, under.Crowded
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.counts) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		r := CachedRoute{Name: name}
		for i := range c.counts[name] {
			if n := c.counts[name][i].Load(); n > 0 {
				r.Results = append(r.Results, CacheResult{cacheResultNames[i].result, cacheResultNames[i].rung, n})
			}
		}
		s.Routes = append(s.Routes, r)
	}
	return s
}
