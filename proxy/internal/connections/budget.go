package connections

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// Budget bounds the connections to all upstreams together. A client over HTTP/2 may
// ask for a hundred of them at once, so that bounding the clients' connections isn't
// enough. One too many is refused at once: to wait would tie up what is short.
type Budget struct {
	max     atomic.Int64
	open    atomic.Int64
	refused atomic.Uint64
	last    atomic.Int64 // when one was refused last, as clock.Since; 0: never

	mu    sync.Mutex
	pools map[*Pool]bool // that may have idle connections
}

// NewBudget returns a budget of so many connections.
func NewBudget(most int64) *Budget {
	b := &Budget{pools: map[*Pool]bool{}}
	b.Resize(most)
	return b
}

// Resize changes how many connections there may be. What is open stays.
func (b *Budget) Resize(most int64) { b.max.Store(most) }

// Status says how many connections are open, how many were refused, and when the
// last was; zero: none.
func (b *Budget) Status() (open int64, refused uint64, last time.Time) {
	if at := b.last.Load(); at != 0 {
		last = clock.At(time.Duration(at))
	}
	return b.open.Load(), b.refused.Load(), last
}

// acquire takes a connection's place. Where none is left, an idle connection to
// whichever upstream gives way.
func (b *Budget) acquire() bool {
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
func (b *Budget) evict() bool {
	b.mu.Lock()
	var pools []*Pool
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

func (b *Budget) enter(p *Pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools[p] = true
}

func (b *Budget) leave(p *Pool) {
	b.mu.Lock()
	delete(b.pools, p)
	b.mu.Unlock()
}

func (b *Budget) release() { b.open.Add(-1) }

// refuse counts a connection that could not be opened for want of descriptors.
func (b *Budget) refuse() {
	b.refused.Add(1)
	b.last.Store(int64(clock.Since(time.Now())))
}
