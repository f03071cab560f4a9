// Package memory watches that the process has memory enough to take requests on.
package memory

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// shedAt is the share of the memory limit above which new requests are to be
	// refused: the collector is already working without pause by then, and
	// the next step is the kernel's.
	shedAt = 0.95
	// lookEvery is how often memory is looked at.
	lookEvery = 100 * time.Millisecond
)

// Guard watches what the process needs against the runtime's soft limit
// (GOMEMLIMIT, which cmd/levee sets from the container's). Its fields are set before
// it watches.
type Guard struct {
	// Read says how much is needed, and how much there may be, in bytes: [Limited]
	// does. A limit of 0: there is none.
	Read func() (used, limit uint64)
	// Tell tells who can make do with less, and returns whether they will; nil:
	// nobody can.
	Tell  func(used, limit uint64, now time.Time) (gives bool)
	short atomic.Bool
}

// Watch looks at intervals until ctx ends. Without a limit there is nothing
// to watch.
func (g *Guard) Watch(ctx context.Context) {
	if _, limit := g.Read(); limit == 0 {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		used, limit := g.Read()
		gives := g.Tell != nil && g.Tell(used, limit, time.Now())
		g.short.Store(!gives && float64(used) > shedAt*float64(limit))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Short says whether there was too little memory at the last look.
func (g *Guard) Short() bool { return g.short.Load() }

// Limited reads what the process needs, against the runtime's soft limit
// (GOMEMLIMIT, or the container's) as it is now: what is set later only paces
// the collector. 0 where there is none.
func Limited() func() (used, limit uint64) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return func() (used, limit uint64) { return 0, 0 }
	}
	return func() (uint64, uint64) { return needed(), uint64(limit) }
}

// needed is what a collection would leave. The whole of what is taken says
// nothing: near its limit the runtime always fills it with garbage before it
// collects that.
func needed() uint64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	total, released, free, objects, live := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64(), s[4].Value.Uint64()
	if live == 0 || live > objects { // nothing was collected yet, or just now
		live = objects
	}
	return total - min(total, released+free+objects) + live
}
