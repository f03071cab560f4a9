package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

const (
	// headroomEvery is how often it is looked whether a small heap needs room.
	headroomEvery = 250 * time.Millisecond

	// headroomTo is how large the heap of a busy process may get before it is
	// collected, however little of it is alive, and headroomShare what share of the
	// container's memory that may be.
	headroomTo, headroomShare = 32 << 20, 8

	// busyAllocs is how much a process allocates between two looks that needs the
	// room, and quietAllocs how much one that doesn't any more. HTTP/1.1 alone hardly
	// gets there, and had better not: memory that was used just now is in the
	// processor's cache still.
	busyAllocs, quietAllocs = 8 << 20, 2 << 20

	// standardPercent is by how much the runtime lets a heap grow by itself, and
	// leastHeap the size up to which it does so in any case, by that percentage.
	standardPercent, leastHeap = 100, 4 << 20
)

// headroom lets the heap of a busy process grow before it is collected. A proxy
// keeps a few megabytes alive, and HTTP/2 allocates for every request: by the
// runtime's standard, double what is alive, it would go through them tens of
// times a second, which took a fifth of the CPU time of a request over HTTP/2. In
// a quiet process the standard is kept, as nothing is gained from garbage that
// lies about.
type headroom struct {
	most  int64 // bytes that the process may take in all
	usage func() heapUsage
	set   func(percent int) int

	allocs  uint64 // at the last look
	busy    bool
	percent int
}

// newHeadroom is nil where the operator has said how the collector works.
func newHeadroom() *headroom {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return &headroom{
		most: debug.SetMemoryLimit(-1), usage: readHeap, set: debug.SetGCPercent,
		percent: standardPercent,
	}
}

// run looks at intervals until ctx ends.
func (h *headroom) run(ctx context.Context) { every(ctx, headroomEvery, h.look) }

// look sets by how much the heap may grow. Small changes are let be: each stops
// the world for an instant.
func (h *headroom) look() {
	now := h.usage()
	allocated := now.allocs - h.allocs
	h.allocs = now.allocs
	h.busy = allocated > busyAllocs || h.busy && allocated > quietAllocs

	percent := standardPercent
	if h.busy {
		percent = max(percent, h.roomy(now))
	}
	if off := percent - h.percent; off > h.percent/4 || off < -percent/4 {
		h.percent = percent
		h.set(percent)
	}
}

// roomy is the percentage by which a heap grows to headroomTo. The runtime counts
// it from what is alive and from what else the collector goes through.
func (h *headroom) roomy(now heapUsage) int {
	to := min(headroomTo, h.most/headroomShare)
	room := to - int64(now.alive)
	return int(min(100*room/int64(now.alive+now.roots+1), 100*to/leastHeap))
}
