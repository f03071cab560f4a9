package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/levee-proxy/levee/cache/storage"
)

// limitMemory has the garbage collector keep below nine tenths of the memory
// that the container may use. Without it, Go collects by how much the heap has
// grown, and is killed before it gets to it. GOMEMLIMIT and AUTOMEMLIMIT, where
// set, are obeyed.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case err != nil:
		log.Debug("the container's memory limit isn't known", "error", err)
	case limit < math.MaxInt64:
		log.Debug("memory is limited", "bytes", limit)
	}
}

const (
	// paceEvery is how often the collector's pace is looked at: while something
	// new takes memory it works harder than it needs to, for so long at most.
	paceEvery = 250 * time.Millisecond

	// paceSlack is left in any case, so that a small process isn't collected all
	// the time.
	paceSlack = 16 << 20

	// paceStep is by how much the pace must be off before it is changed: to change
	// it stops the world for an instant.
	paceStep = 4 << 20
)

// pacer keeps the process's memory close to what the cache may take and what
// everything else needs. By the runtime's standard settings a heap grows to twice
// what is alive, so a cache of a gigabyte would take two. What isn't the cache's
// may still double.
//
// It works by the runtime's soft limit, below that which the process began with.
type pacer struct {
	most, now int64
	cache     func() (budget, used int64)
	set       func(int64) int64
}

// newPacer is nil where the operator has said how the collector works.
func newPacer(cache func() (budget, used int64)) *pacer {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return nil
	}
	most := debug.SetMemoryLimit(-1)
	return &pacer{most: most, now: most, cache: cache, set: debug.SetMemoryLimit}
}

// run looks at intervals until ctx ends.
func (p *pacer) run(ctx context.Context) {
	every(ctx, paceEvery, func() {
		now := readHeap()
		p.look(int64(now.alive), int64(now.beside))
	})
}

// every calls look at intervals until ctx ends.
func every(ctx context.Context, interval time.Duration, look func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			look()
		case <-ctx.Done():
			return
		}
	}
}

// look sets the pace for a heap of which so much is alive, and what the runtime
// takes beside it.
func (p *pacer) look(alive, beside int64) {
	next := p.most
	if budget, used := p.cache(); budget > 0 {
		rest := 2*max(alive-used, 0) + beside + paceSlack
		next = min(storage.MemoryLimit(budget, rest), p.most)
	}
	if off := next - p.now; off >= paceStep || off <= -paceStep || next == p.most && off != 0 {
		p.now = next
		p.set(next)
	}
}
