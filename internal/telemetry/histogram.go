package telemetry

import (
	"sync/atomic"
	"time"
)

// durationBounds are the upper bounds of a duration histogram's buckets, in
// seconds, as the HTTP semantic conventions advise.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// bucketCount is len(durationBounds) and one for all that is longer.
const bucketCount = 15

// bucketLimits are durationBounds as durations.
var bucketLimits = func() (limits [bucketCount - 1]time.Duration) {
	for i, b := range durationBounds {
		limits[i] = time.Duration(b * float64(time.Second))
	}
	return limits
}()

// sumUnit is what a histogram's sum is counted in. An integer can be added to
// by one instruction, where a float takes a loop; in this unit it lasts for
// 58,000 years of requests, where nanoseconds would end within two weeks of
// 10,000 open connections.
const sumUnit = 100 * time.Nanosecond

// histogram counts durations.
type histogram struct {
	sum     atomic.Uint64 // in sumUnit
	buckets [bucketCount]atomic.Uint64
}

// record counts d; a negative one, as a clock that jumps may make it, as zero.
// It returns how many its bucket has now.
func (h *histogram) record(d time.Duration) uint64 {
	d = max(d, 0)
	i := 0
	for i < len(bucketLimits) && d > bucketLimits[i] {
		i++
	}
	h.sum.Add(uint64((d + sumUnit/2) / sumUnit))
	return h.buckets[i].Add(1)
}

// read returns the number of durations in each bucket and in all, and their
// sum in seconds. While durations are recorded, the sum may be a few of them
// behind or ahead; the count always agrees with the buckets.
func (h *histogram) read() (buckets []uint64, count uint64, sum float64) {
	buckets = make([]uint64, bucketCount)
	for i := range h.buckets {
		buckets[i] = h.buckets[i].Load()
		count += buckets[i]
	}
	return buckets, count, float64(h.sum.Load()) * sumUnit.Seconds()
}
