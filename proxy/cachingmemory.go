package proxy

import "time"

// Shares of the memory limit above which the cache gives way, and below which it
// may grow again. New requests are refused above memoryShedAt: before it comes
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
// what is configured, when it isn't any more.
func (c *caching) squeeze(used, limit uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts := c.parts.Load()
	share := float64(used) / float64(limit)
	short, ample := share > squeezeAt, share < growAt
	if parts == nil || !short && (!ample || c.budget == c.most) || now.Sub(c.squeezed) < squeezeEvery {
		return
	}
	c.squeezed = now
	if short {
		c.budget = max(int64(float64(c.budget)*squeezeStep), squeezedTo)
	} else {
		c.budget = min(int64(float64(c.budget)/squeezeStep), c.most)
	}
	parts.store.SetBudget(c.budget)
}

// squeezedTo is what is left of the cache in any case.
const squeezedTo = 1 << 20
