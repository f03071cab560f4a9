package proxy

import (
	"maps"
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/idempotency"
)

// IdempotencyStatus tells of keyed requests.
type IdempotencyStatus struct {
	idempotency.Status
	// Waiting counts requests that wait for their twin's answer now.
	Waiting int64 `json:"waiting"`
	// BodyBytes is what the bodies of keyed requests under way take.
	BodyBytes int64 `json:"bodyBytes"`
	// Routes are the guarded routes that had requests, by name.
	Routes []GuardedRoute `json:"routes"`
}

// GuardedRoute tells what became of a route's requests since the start.
type GuardedRoute struct {
	Name string `json:"name"`
	// Results counts them by what became of them: first, replayed, joined,
	// mismatch, missing, malformed, too_large, in_doubt, answer_lost,
	// store_failed, full.
	Results map[string]uint64 `json:"results"`
}

// status takes a snapshot; nil where no route is, or was, guarded.
func (g *guard) status(now time.Time) *IdempotencyStatus {
	store := g.opened()
	if store == nil {
		return nil
	}
	s := &IdempotencyStatus{Status: store.Status(now), Waiting: g.twins.Taken(), BodyBytes: g.bodies.Taken(), Routes: []GuardedRoute{}}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(g.counts)) {
		r := GuardedRoute{Name: name, Results: map[string]uint64{}}
		for i := range results {
			r.Results[i.String()] = g.counts[name][i].Load()
		}
		s.Routes = append(s.Routes, r)
	}
	return s
}
