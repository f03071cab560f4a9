package proxy

import (
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/coalesce"
	"github.com/levee-proxy/levee/cache/storage"
	"github.com/levee-proxy/levee/config"
)

// caching is the cache in the requests' path: what is stored, and what is being
// fetched for all who wait for it. The decisions are package cache's.
//
// A request that can be answered from it ends there. One that can't waits for
// the fetch of what it asks for, as do all others that ask for the same; the
// fetch goes the way of any request: through the limiter, with the retries
// there are. When it is refused or fails, the request steps down the ladder:
// what is stale, the route's fallback, and only then the refusal.
type caching struct {
	log   *slog.Logger
	parts atomic.Pointer[cacheParts] // nil: no route caches
	file  *cacheFile

	mu     sync.Mutex
	closed bool
	runs   sync.WaitGroup
	counts map[string]*cacheCounts // by route; they outlive a reload
	purges purges
	past   *storage.Past // of all that was purged since the start

	queries queryRoom

	invalidations atomic.Uint64

	most, budget int64 // as configured, and what is left of it while memory is short
	squeezed     time.Time
	collect      func()
}

// cacheParts are the memory of one configuration of the cache.
type cacheParts struct {
	store   *storage.Store[stored]
	fetches *coalesce.Group[storage.Key, *fetched]
	object  int64 // the most that one answer may take
	changes changes
}

// stored is what is kept of a response beside its header and its body.
type stored struct {
	cache.Policy
	marks *marks
	cost  time.Duration // of the fetch
}

// entry is a stored response.
type entry = storage.Entry[stored]

// marks are what happened around a stored response, which itself never changes.
// Each is a moment as [clock.Since] has it.
type marks struct {
	refresh atomic.Int64 // before it, no refresh is tried again
	failed  atomic.Int64 // before it, the upstream isn't asked: it has just failed
}

func newCaching(log *slog.Logger) *caching {
	c := &caching{log: log, collect: runtime.GC, counts: map[string]*cacheCounts{}, past: storage.NewPast()}
	c.file = newCacheFile(log, c.parts.Load)
	return c
}

// objectOverhead is what an answer takes beside its body, at most.
const objectOverhead = 96 << 10

// configure takes a configuration. What is cached stays, unless the most that
// one answer may take has changed.
func (c *caching) configure(cfg *config.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.parts.Load()
	defer c.file.configure(cfg.Cache.Snapshot)
	c.most, c.budget = int64(cfg.Cache.Bytes), int64(cfg.Cache.Bytes)
	switch {
	case !cfg.Caches():
		c.parts.Store(nil)
		return nil
	case old != nil && old.object == int64(cfg.Cache.ObjectBytes):
		old.store.SetBudget(int64(cfg.Cache.Bytes))
		old.fetches.SetMaxBytes(fillShare(c.budget))
		return nil
	case old != nil:
		c.log.Info("cache.objectBytes has changed: the cache begins anew")
	}
	parts, err := newCacheParts(&cfg.Cache, c.past)
	if err != nil {
		return err
	}
	c.parts.Store(parts)
	return nil
}

func newCacheParts(cfg *config.Cache, past *storage.Past) (*cacheParts, error) {
	parts := &cacheParts{object: int64(cfg.ObjectBytes), changes: changes{seed: maphash.MakeSeed()}}
	var err error
	parts.store, err = storage.New(storage.Options[stored]{
		Budget:         int64(cfg.Bytes),
		MaxObject:      min(parts.object+parts.object/4+objectOverhead, int64(cfg.Bytes)),
		Past:           past,
		MaxEntryGroups: 64 + 1, // as many as are read of a response (RFC 9875, section 2, asks for 32), and the route
		PolicySize: func(s *stored) int {
			return s.Size() - int(unsafe.Sizeof(s.Policy)) + int(unsafe.Sizeof(marks{}))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	parts.fetches = coalesce.New[storage.Key, *fetched](coalesce.Options[storage.Key]{
		MaxObject: parts.object,
		MaxBytes:  fillShare(int64(cfg.Bytes)),
	})
	return parts, nil
}

// fillShare is how much answers that are being fetched may take beside a budget
// for those that are stored, one of the largest size at least. What finds no
// room there is passed on and not stored.
func fillShare(budget int64) int64 { return budget / 4 }

const (
	// unsharedFor is how long requests for what can't be shared go each by itself.
	unsharedFor = 10 * time.Second

	// unsharedRetry is how often one of them meanwhile makes a fetch of it, to see
	// whether that holds: a client that provokes an error, or has a cookie set, must
	// not be able to keep the cache away from the rest.
	unsharedRetry = 500 * time.Millisecond
)

// unshared notes that what a key asks for can't be shared, so that the next ones
// to ask for it don't wait for one another in vain.
func (c *cacheParts) unshared(k storage.Key, now time.Time) {
	c.store.MarkUncacheable(k, now, jittered(unsharedFor))
}

// goes says whether a fetch may begin. If so, done is to be called at its end.
func (c *caching) goes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.runs.Add(1)
	}
	return !c.closed
}

func (c *caching) done() { c.runs.Done() }

// close waits for the fetches, which must have been told to end.
func (c *caching) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.runs.Wait()
}
