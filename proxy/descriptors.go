package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// descriptorBudget bounds the connections to all upstreams together. A client
// over HTTP/2 may ask for a hundred of them at once, so that bounding the
// clients' connections isn't enough. One too many is refused at once: to wait
// would tie up what is short.
type descriptorBudget struct {
	max     atomic.Int64
	open    atomic.Int64
	refused atomic.Uint64
	last    atomic.Int64 // when one was refused last, as clock.Since; 0: never

	mu    sync.Mutex
	pools map[*pool]bool // that may have idle connections
}

// acquire takes a connection's place. Where none is left, an idle connection to
// whichever upstream gives way.
func (b *descriptorBudget) acquire() bool {
	for {
		if b.open.Add(1) <= b.max.Load() {
			return true
		}
		b.open.Add(-1)
		if !b.evict() {
			b.refuse()
			return false
		}
	}
}

// evict closes an idle connection, if there is one.
func (b *descriptorBudget) evict() bool {
	b.mu.Lock()
	var pools []*pool
	for p := range b.pools {
		pools = append(pools, p)
	}
	b.mu.Unlock()
	for _, p := range pools {
		if p.evict() {
			return true
		}
	}
	return false
}

func (b *descriptorBudget) enter(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pools == nil {
		b.pools = map[*pool]bool{}
	}
	b.pools[p] = true
}

func (b *descriptorBudget) leave(p *pool) {
	b.mu.Lock()
	delete(b.pools, p)
	b.mu.Unlock()
}

func (b *descriptorBudget) release() { b.open.Add(-1) }

// refuse counts a connection that could not be opened for want of descriptors.
func (b *descriptorBudget) refuse() {
	b.refused.Add(1)
	b.last.Store(int64(clock.Since(time.Now())))
}
