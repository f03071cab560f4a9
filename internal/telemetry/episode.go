package telemetry

import (
	"sync/atomic"
	"time"
)

// episodeGap is how long a trouble must be absent for its next occurrence to
// count as a new one.
const episodeGap = time.Minute

// episode remembers since when a trouble lasts and when it was last seen. It
// is cheap enough for the path on which a line is dropped: two atomics.
type episode struct {
	first, last atomic.Int64 // wall clock, nanoseconds; 0: never
}

// mark notes that the trouble was seen now.
func (e *episode) mark(now time.Time) {
	t := now.UnixNano()
	if before := e.last.Swap(t); before == 0 || t-before > int64(episodeGap) {
		e.first.Store(t)
	}
}

// span returns when the latest episode began and when it was last seen; zero
// times if there was none.
func (e *episode) span() (first, last time.Time) {
	f, l := e.first.Load(), e.last.Load()
	if f == 0 || l == 0 {
		return time.Time{}, time.Time{}
	}
	return time.Unix(0, f), time.Unix(0, l)
}
