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

// memoryGuard watches the process's memory against the runtime's soft limit
// (GOMEMLIMIT, which cmd/levee sets from the container's).
type memoryGuard struct {
	read  func() (used, limit uint64)
	tell  func(used, limit uint64, now time.Time) // who can make do with less; nil: nobody
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
		g.short.Store(float64(used) > memoryShedAt*float64(limit))
		if g.tell != nil {
			g.tell(used, limit, time.Now())
		}
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

// runtimeMemory is what the runtime counts against its soft limit, and that
// limit; 0 where none is set.
func runtimeMemory() (used, limit uint64) {
	l := debug.SetMemoryLimit(-1)
	if l == math.MaxInt64 {
		return 0, 0
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64(), uint64(l)
}
