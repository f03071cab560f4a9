package coalesce

import (
	"context"
	"sync"
	"sync/atomic"
)

// Group is the fetches under way, by key. H is what is known of a response
// before its body, and opaque here. Methods may be called concurrently.
type Group[K comparable, H any] struct {
	opt Options[K]

	lock    sync.Mutex // taken before a flight's
	flights map[K]*flight[K, H]

	waiters atomic.Int64
	bytes   atomic.Int64
	counts  counts
}

// Fetch brings a response for all who wait, on a goroutine of its own. It calls
// f.Start or f.Pass, writes the body, calls f.Finish and stores what that
// returned, in this order; or f.Fail, or f.Release. The key is free for another
// fetch when it returns, so that who finds nothing stored finds this fetch.
//
// First of all it should look again in the store: between its client's look and
// now another fetch may have ended. If so: f.Release.
//
// ctx has the values of its client's context but neither its deadline nor
// its end; it is cancelled when nobody needs the response any more.
type Fetch[H any] func(ctx context.Context, f *Fill[H])

// New makes a group in which nothing is under way.
func New[K comparable, H any](o Options[K]) *Group[K, H] {
	return &Group[K, H]{opt: o.complete(), flights: map[K]*flight[K, H]{}}
}

// Join waits for the fetch of key that is under way, or starts fetch. The reader
// has to be closed. ctx is the request's own and ends the reader's waits. The
// error is ErrKeyFull or ErrFull.
func (g *Group[K, H]) Join(ctx context.Context, key K, fetch Fetch[H]) (*Reader[H], error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if f := g.flights[key]; f != nil {
		f.lock.Lock()
		defer f.lock.Unlock()
		if !f.closed {
			return g.follow(ctx, f, fetch)
		}
	}
	f := newFlight(g, key)
	g.flights[key] = f
	r := f.join(ctx, fetch)
	g.counts.fetches.Add(1)
	go f.fly(r)
	return r, nil
}

func (g *Group[K, H]) follow(ctx context.Context, f *flight[K, H], fetch Fetch[H]) (*Reader[H], error) {
	if f.waiters >= g.opt.MaxKeyWaiters {
		g.counts.refused.Add(1)
		return nil, ErrKeyFull
	}
	// g.lock is held: nobody else adds.
	if g.waiters.Load() >= int64(g.opt.MaxWaiters) {
		g.counts.refused.Add(1)
		return nil, ErrFull
	}
	g.waiters.Add(1)
	g.counts.joined.Add(1)
	f.waiters++
	r := f.join(ctx, fetch)
	r.waits = true
	return r, nil
}

// Underway says whether key is being fetched, so that joining makes no request.
func (g *Group[K, H]) Underway(key K) bool {
	g.lock.Lock()
	defer g.lock.Unlock()
	f := g.flights[key]
	if f == nil {
		return false
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	return !f.closed
}

// forget removes f, which is closed, unless another flight is in its place.
func (g *Group[K, H]) forget(f *flight[K, H]) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.flights[f.key] == f {
		delete(g.flights, f.key)
	}
}

type counts struct {
	fetches, joined, refused, takeovers, oversized, slow atomic.Uint64
}

// Stats is what a [Group] counts. All but the first three are since its start.
type Stats struct {
	Keys      int    // being fetched
	Waiters   int    // besides those whose fetch it is
	Bytes     int64  // kept in fills
	Fetches   uint64 // takeovers included
	Joined    uint64 // requests that joined another's fetch
	Refused   uint64 // requests that would have exceeded a cap
	Takeovers uint64 // fetches after one that failed
	Oversized uint64 // fills that exceeded a cap
	TooSlow   uint64 // readers that were let go
}

// Stats is cheap enough for every scrape.
func (g *Group[K, H]) Stats() Stats {
	g.lock.Lock()
	keys := len(g.flights)
	g.lock.Unlock()
	c := &g.counts
	return Stats{
		keys, int(g.waiters.Load()), g.bytes.Load(), c.fetches.Load(), c.joined.Load(),
		c.refused.Load(), c.takeovers.Load(), c.oversized.Load(), c.slow.Load(),
	}
}
