package proxy

import (
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// rampFor is how long after a warm start refreshes take less than what they may.
const rampFor = 30 * time.Second

// ramp holds refreshes back after a snapshot was read. Much of what it had is
// stale by then, and is asked for at once, when the limiter has yet to learn what
// the upstream can take and the upstream's own caches may be cold: each is
// answered from what was restored, and the refreshes behind come one by one at
// first and as many as always in the end. The zero value holds nothing back.
type ramp struct{ since atomic.Int64 } // as clock.Since; 0: no ramp

func (r *ramp) begin(now time.Time) {
	since := int64(clock.Since(now))
	if since == 0 {
		since = 1
	}
	r.since.Store(since)
}

func (r *ramp) end() { r.since.Store(0) }

// of is what is left of a number of refreshes at a time, one at least.
func (r *ramp) of(most int64, now time.Time) int64 {
	since := r.since.Load()
	if since == 0 {
		return max(1, most)
	}
	passed := max(clock.Since(now)-time.Duration(since), 0)
	if passed >= rampFor {
		r.since.CompareAndSwap(since, 0)
		return max(1, most)
	}
	return max(1, int64(float64(most)*passed.Seconds()/rampFor.Seconds()))
}
