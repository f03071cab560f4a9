package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"
)

const (
	// tidyEvery is how often it is looked whether memory can be given back.
	tidyEvery = 5 * time.Second

	// calmAllocs is how much may be allocated in that time by a process that has
	// hardly anything to do: probes and scrapes alone take less.
	calmAllocs = 2 << 20

	// tidyFrom is how much must be had back for it to be worth a collection, and
	// tidyShare what share of the heap: to go through it costs by what is alive.
	tidyFrom  = 4 << 20
	tidyShare = 8
)

// tidier gives memory back to the system when a busy time is over. By itself the
// runtime collects by how much is allocated, so a process that has become quiet
// keeps what its busiest moment took until it is busy again, or for minutes; a
// sidecar's neighbours can use that. Once is enough: as long as it stays quiet
// there is nothing more to give back.
type tidier struct {
	usage func() heapUsage
	free  func()

	allocs uint64 // at the last look
	calm   bool   // it was calm then, and has been tidied if that was worth it
}

// newTidier is nil where the operator has said when the collector works. A memory
// limit says how much the process may take, and so nothing of that.
func newTidier() *tidier {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return &tidier{usage: readHeap, free: debug.FreeOSMemory}
}

// run looks at intervals until ctx ends.
func (t *tidier) run(ctx context.Context) { every(ctx, tidyEvery, t.look) }

// look tidies, if a busy time has come to its end.
func (t *tidier) look() {
	now := t.usage()
	calm := now.allocs-t.allocs < calmAllocs
	t.allocs = now.allocs
	if !calm || t.calm {
		t.calm = calm
		return
	}
	t.calm = true
	if spare := now.held - min(now.alive, now.held); spare >= max(tidyFrom, now.alive/tidyShare) {
		t.free()
		t.allocs = t.usage().allocs
	}
}
