package proxy

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/cache/storage"
)

// changes number what was invalidated, so that who asks after a change doesn't
// join a fetch that began before it: a client that has changed something must
// see that it has. URLs share numbers by their hash; where two meet, a fetch
// isn't shared that could have been.
type changes struct {
	seed maphash.Seed
	urls [1024]atomic.Uint32
	all  atomic.Uint32 // by group, by prefix or of everything: nobody knows before what an answer will be in
}

func (c *changes) slot(url string) *atomic.Uint32 {
	return &c.urls[maphash.String(c.seed, url)%uint64(len(c.urls))]
}

// at is the number of changes so far to what a URL stands for.
func (c *changes) at(url string) uint64 {
	return uint64(c.all.Load())<<32 | uint64(c.slot(url).Load())
}

// dropURL makes what is stored for a URL, and what is being fetched, as if it
// had never been.
func (c *cacheParts) dropURL(url string, now time.Time) {
	c.changes.slot(url).Add(1)
	c.store.PurgeURL(url, storage.Hard, now)
}

// dropGroup does the same for a group.
func (c *cacheParts) dropGroup(label string, now time.Time) {
	c.changes.all.Add(1)
	c.store.PurgeGroup(label, storage.Hard, now)
}
