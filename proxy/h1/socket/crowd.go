package socket

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
)

// crowded is for how many more counts many goroutines are taken to wait for a
// processor.
var crowded atomic.Int32

const (
	crowd = 2 // how many must wait for each processor
	lasts = 4 // for how many counts they are taken to: there are moments without in any crowd
)

// Yield is for just before a short write: where many goroutines wait for a
// processor, it lets them go first. So what they read and reckon is done by all
// of them, and then their writes follow closely one on the other. Whoever reads
// them on the same machine, a client or a service beside us, then finds the next
// as soon as he has done with the one; otherwise he would go to sleep behind
// each, and to wake him is the dearest part of a write. Under load that comes to
// a sixth of what a proxied request costs.
//
// Where hardly any wait, it does nothing: there is nobody to go first, and an idle
// processor would be woken to take over.
func Yield() {
	if crowded.Load() > 0 {
		runtime.Gosched()
	}
}

// Count counts for Yield those that wait. It is for who looks at his connections
// at intervals in any case, as long as there is something to do.
func Count() {
	sample := [1]metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(sample[:])
	switch last := crowded.Load(); {
	case sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() >= uint64(crowd*runtime.GOMAXPROCS(0)):
		crowded.Store(lasts)
	case last > 0:
		crowded.CompareAndSwap(last, last-1)
	}
}
