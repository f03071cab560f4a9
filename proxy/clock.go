package proxy

import "time"

// epoch is any moment before all others that the process compares. It is a
// little in the past so that no moment is zero, which means "never".
var epoch = time.Now().Add(-time.Second)

// sinceEpoch is a moment that fits an atomic, by the monotonic clock: when the
// wall clock jumps, it doesn't.
func sinceEpoch(t time.Time) time.Duration { return t.Sub(epoch) }
