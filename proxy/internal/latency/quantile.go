package latency

import (
	"math"
	"sync"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// Classes estimates the 95th percentile of the latency of each class of an
// upstream's requests: for hedges, which begin where most answers have come.
//
// A histogram of buckets that grow by an eighth answers within some 6%. Once it
// has so many samples, all its counts are halved, so that it tells of about the
// last thousand.
//
// Of a request whose hedge has won it is known only that its first attempt would
// have taken longer than that. To learn from the winner instead would let hedges
// lower their own threshold; to take the time at which it was given up as its
// latency would let an endpoint that never answers raise it without end. So the
// percentile is a product-limit estimate (Kaplan and Meier 1958).
type Classes struct {
	mu      sync.Mutex
	classes [limiter.MaxClasses]*histogram
}

const (
	growth   = 1.125
	least    = 100 * time.Microsecond // the first bucket's end
	buckets  = 128                    // up to about five minutes
	most     = 1024                   // samples before they are halved
	few      = 20                     // samples below which nothing is said: the 95th of fewer is their largest
	quantile = 0.95
)

type histogram struct {
	counts   [buckets]uint16
	outlived [buckets]uint16 // took longer than that
	total    int
}

// NewClasses returns one without samples.
func NewClasses() *Classes { return &Classes{} }

// Observe adds the latency of a first attempt of a class.
func (l *Classes) Observe(class int, d time.Duration) { l.add(class, d, false) }

// Outlived adds that one would have taken longer than d.
func (l *Classes) Outlived(class int, d time.Duration) { l.add(class, d, true) }

func (l *Classes) add(class int, d time.Duration, outlived bool) {
	i := 0
	if d > least {
		i = min(int(math.Ceil(math.Log(float64(d)/float64(least))/math.Log(growth))), buckets-1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.classes[class]
	if h == nil {
		h = &histogram{}
		l.classes[class] = h
	}
	if outlived {
		h.outlived[i]++
	} else {
		h.counts[i]++
	}
	if h.total++; h.total < most {
		return
	}
	h.total = 0
	for i := range h.counts {
		h.counts[i] /= 2
		h.outlived[i] /= 2
		h.total += int(h.counts[i]) + int(h.outlived[i])
	}
}

// P95 is the time within which 95% of a class's answers would have begun lately,
// without hedges. Where so many never did, it is the longest that one took.
// False: not enough of them are known.
func (l *Classes) P95(class int) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.classes[class]
	if h == nil || h.total < few {
		return 0, false
	}
	const enough = 1 - quantile + 1e-9 // for rounding
	longest, left, slower := -1, float64(h.total), 1.0
	for i, n := range h.counts {
		if n > 0 {
			longest = i
			if slower *= 1 - float64(n)/left; slower <= enough {
				break
			}
		}
		left -= float64(n) + float64(h.outlived[i])
	}
	if longest < 0 {
		return 0, false
	}
	return time.Duration(float64(least) * math.Pow(growth, float64(longest))), true
}
