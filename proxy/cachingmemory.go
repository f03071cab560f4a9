package proxy

import "time"

// Shares of the memory limit above which the cache gives way, and below which it
// may grow again. New requests are refused above memory.shedAt: before it comes
// to that, the cache has given most of what it had.
const (
	squeezeAt = 0.90
	growAt    = 0.80

	// squeezeEvery is the time between steps: what was dropped must have been
	// collected before it is known whether it was enough.
	squeezeEvery = time.Second
	squeezeStep  = 0.75
)

// squeeze makes the cache smaller while memory is short, and larger again, up to
// what is configured, when it isn't any more. It says whether the cache has more
// to give, or has just given what isn't collected yet: then it is too early to
// refuse requests.
func (c *caching) squeeze(used, limit uint64, now time.Time) (gives bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts := c.parts.Load()
	if parts == nil {
		return false
	}
	share := float64(used) / float64(limit)
	short, ample := share > squeezeAt, share < growAt
	gives = c.budget > squeezedTo || now.Sub(c.squeezed) < squeezeEvery
	if !short && (!ample || c.budget == c.most) || now.Sub(c.squeezed) < squeezeEvery {
		return gives
	}
	c.squeezed = now
	if !short {
		c.budget = min(int64(float64(c.budget)/squeezeStep), c.most)
		c.shrink(parts)
		return gives
	}
	// What is stored is what can be given, however much more it might have become.
	stored, over := parts.store.Stats().Bytes, int64(used)-int64(growAt*float64(limit))
	c.budget = max(min(int64(float64(c.budget)*squeezeStep), max(stored-over, stored/4)), squeezedTo)
	c.shrink(parts)
	if gives {
		go c.collect() // what was dropped counts until then
	}
	return gives
}

// shrink gives the parts what is left of the budget.
func (c *caching) shrink(parts *cacheParts) {
	parts.store.SetBudget(c.budget)
	parts.fetches.SetMaxBytes(fillShare(c.budget))
}

// CacheMemory is how many bytes the cache may take, and how many it takes; 0
// where no route caches.
func (p *Proxy) CacheMemory() (budget, used int64) {
	parts := p.o.caching.parts.Load()
	if parts == nil {
		return 0, 0
	}
	s := parts.store.Stats()
	return s.Budget, s.Bytes
}

// squeezedTo is what is left of the cache in any case.
const squeezedTo = 1 << 20
