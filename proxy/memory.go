package proxy

import (
	"context"
	"math"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// memoryShedAt is the share of the memory limit above which new requests
	// are refused: the collector is already working without pause by then, and
	// the next step is the kernel's.
	memoryShedAt = 0.95
	// memoryLook is how often memory is looked at.
	memoryLook = 100 * time.Millisecond
)

// memoryGuard watches what the process needs against the runtime's soft limit
// (GOMEMLIMIT, which cmd/levee sets from the container's).
type memoryGuard struct {
	read func() (used, limit uint64)
	// tell tells who can make do with less, and returns whether they will; nil:
	// nobody can.
	tell  func(used, limit uint64, now time.Time) (gives bool)
	short atomic.Bool
}

// watch looks at intervals until ctx ends. Without a limit there is nothing
// to watch.
func (g *memoryGuard) watch(ctx context.Context) {
	if _, limit := g.read(); limit == 0 {
		return
	}
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		used, limit := g.read()
		gives := g.tell != nil && g.tell(used, limit, time.Now())
		g.short.Store(!gives && float64(used) > memoryShedAt*float64(limit))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// refuse is the answer to a request that there is no memory for, or nil.
func (g *memoryGuard) refuse() *answer {
	if !g.short.Load() {
		return nil
	}
	return &answer{status: http.StatusServiceUnavailable, kind: errUnavailable, details: "out of memory"}
}

// limitedMemory reads what the process needs, against the runtime's soft limit
// (GOMEMLIMIT, or the container's) as it is now: what is set later only paces
// the collector. 0 where there is none.
func limitedMemory() func() (used, limit uint64) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return func() (used, limit uint64) { return 0, 0 }
	}
	return func() (uint64, uint64) { return neededMemory(), uint64(limit) }
}

// neededMemory is what a collection would leave. The whole of what is taken says
// nothing: near its limit the runtime always fills it with garbage before it
// collects that.
func neededMemory() uint64 {
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
