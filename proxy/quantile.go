package proxy

import (
	"math"
	"sync"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// latencies estimates the 95th percentile of the latency of each class of an
// upstream's requests: for hedges, which begin where most answers have come.
//
// A histogram of buckets that grow by an eighth answers within some 6%. Once it
// has so many samples, all its counts are halved, so that it tells of about the
// last thousand.
type latencies struct {
	mu      sync.Mutex
	classes [limiter.MaxClasses]*latencyHistogram
}

const (
	latencyGrowth  = 1.125
	latencyLeast   = 100 * time.Microsecond // the first bucket's end
	latencyBuckets = 128                    // up to about five minutes
	latencyMost    = 1024                   // samples before they are halved
	latencyFew     = 20                     // samples below which nothing is said: the 95th of fewer is their largest
	hedgeQuantile  = 0.95
)

type latencyHistogram struct {
	counts [latencyBuckets]uint16
	total  int
}

func newLatencies() *latencies { return &latencies{} }

// observe adds a sample of a class.
func (l *latencies) observe(class int, d time.Duration) {
	i := 0
	if d > latencyLeast {
		i = min(int(math.Ceil(math.Log(float64(d)/float64(latencyLeast))/math.Log(latencyGrowth))), latencyBuckets-1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.classes[class]
	if h == nil {
		h = &latencyHistogram{}
		l.classes[class] = h
	}
	h.counts[i]++
	if h.total++; h.total < latencyMost {
		return
	}
	h.total = 0
	for i := range h.counts {
		h.counts[i] /= 2
		h.total += int(h.counts[i])
	}
}

// p95 is the time within which 95% of a class's answers have begun lately.
// False: not enough of them are known.
func (l *latencies) p95(class int) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.classes[class]
	if h == nil || h.total < latencyFew {
		return 0, false
	}
	rank := int(math.Ceil(hedgeQuantile * float64(h.total)))
	for i, n := range h.counts {
		if rank -= int(n); rank <= 0 {
			return time.Duration(float64(latencyLeast) * math.Pow(latencyGrowth, float64(i))), true
		}
	}
	return 0, false
}
