package memory

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNeededMemory: garbage isn't needed.
func TestNeededMemory(t *testing.T) {
	runtime.GC()
	runtime.GC() // what other tests left in pools outlives one
	before := needed()
	for range 64 {
		garbage = make([]byte, 1<<20)
	}
	garbage = nil
	runtime.GC()
	if after := needed(); after > before+16<<20 || after < 1<<20 {
		t.Errorf("%d bytes were needed, and %d are after making garbage", before, after)
	}
	garbage = make([]byte, 64<<20)
	runtime.GC()
	if after := needed(); after < before+48<<20 {
		t.Errorf("%d bytes were needed, and %d are with 64 MiB more", before, after)
	}
	garbage = nil
}

var garbage []byte

// TestCacheGivesWayFirst: requests are refused only when the cache has nothing
// more to give.
func TestCacheGivesWayFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gives atomic.Bool
		var used atomic.Uint64
		g := Guard{
			Read: func() (uint64, uint64) { return used.Load(), 100 },
			Tell: func(uint64, uint64, time.Time) bool { return gives.Load() },
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		used.Store(96)
		gives.Store(true)
		go g.Watch(ctx)
		for _, step := range []struct {
			used          uint64
			gives, refuse bool
		}{{96, true, false}, {96, false, true}, {96, true, false}, {94, false, false}} {
			used.Store(step.used)
			gives.Store(step.gives)
			time.Sleep(2 * lookEvery)
			synctest.Wait()
			if refuses := g.Short(); refuses != step.refuse {
				t.Errorf("%+v: refuses: %v", step, refuses)
			}
		}
	})
}
