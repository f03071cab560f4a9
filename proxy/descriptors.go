package proxy

import (
	"sync/atomic"
	"time"
)

// descriptorBudget bounds the connections to all upstreams together. A client
// over HTTP/2 may ask for a hundred of them at once, so that bounding the
// clients' connections isn't enough. One too many is refused at once: to wait
// would tie up what is short.
type descriptorBudget struct {
	max     atomic.Int64
	open    atomic.Int64
	refused atomic.Uint64
	last    atomic.Int64 // when one was refused last, as sinceEpoch; 0: never
}

func (b *descriptorBudget) acquire() bool {
	if b.open.Add(1) <= b.max.Load() {
		return true
	}
	b.open.Add(-1)
	b.refuse()
	return false
}

func (b *descriptorBudget) release() { b.open.Add(-1) }

// refuse counts a connection that could not be opened for want of descriptors.
func (b *descriptorBudget) refuse() {
	b.refused.Add(1)
	b.last.Store(int64(sinceEpoch(time.Now())))
}
