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
	most    atomic.Int64 // MaxBytes, as it is now
	kept    atomic.Int64 // that fills under way hold, or will
	behind  atomic.Int64 // that fills hold which have ended, for who still reads them
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
	g := &Group[K, H]{opt: o.complete(), flights: map[K]*flight[K, H]{}}
	g.SetMaxBytes(g.opt.MaxBytes)
	return g
}

// SetMaxBytes changes how many bytes fills under way are kept whole with. Those
// that are more already stay.
func (g *Group[K, H]) SetMaxBytes(n int64) { g.most.Store(max(n, g.opt.MaxObject+maxChunk)) }

// small is how large a fill may be that is kept whole however far readers are behind:
// passed on, it would be in its reader's window all the same. Without that, a few who
// read nothing of large answers could keep all others from being stored and shared.
const small = 64 << 10

// take takes n bytes more for a fill that is to be kept whole, if there is room. With
// them it has all bytes.
func (g *Group[K, H]) take(n, all int64) bool {
	most := g.most.Load()
	if all > small && g.behind.Load() > 4*most {
		return false
	}
	if g.kept.Add(n) > most {
		g.kept.Add(-n)
		return false
	}
	return true
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
	fetches, joined, refused, takeovers, oversized, crowded, slow atomic.Uint64
}

// Stats is what a [Group] counts. All but the first five are since its start.
type Stats struct {
	Keys      int    // being fetched
	Waiters   int    // besides those whose fetch it is
	Bytes     int64  // that fills under way hold or will, beyond what all hold for their readers
	MaxBytes  int64  // how many that may be
	Behind    int64  // that fills hold which have ended, for those who still read them
	Fetches   uint64 // takeovers included
	Joined    uint64 // requests that joined another's fetch
	Refused   uint64 // requests that would have exceeded a cap
	Takeovers uint64 // fetches after one that failed
	Oversized uint64 // fills that were too large to be kept whole
	Crowded   uint64 // fills that there was no room for
	TooSlow   uint64 // readers that were let go
}

// Stats is cheap enough for every scrape.
func (g *Group[K, H]) Stats() Stats {
	g.lock.Lock()
	keys := len(g.flights)
	g.lock.Unlock()
	c := &g.counts
	return Stats{
		Keys: keys, Waiters: int(g.waiters.Load()), Bytes: g.kept.Load(), MaxBytes: g.most.Load(), Behind: g.behind.Load(),
		Fetches: c.fetches.Load(), Joined: c.joined.Load(), Refused: c.refused.Load(), Takeovers: c.takeovers.Load(),
		Oversized: c.oversized.Load(), Crowded: c.crowded.Load(), TooSlow: c.slow.Load(),
	}
}
