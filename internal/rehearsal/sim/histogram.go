package sim

import (
	"math/bits"
	"time"
)

// subs is how many buckets there are for each power of two: a quantile is off
// by at most 1/64 of itself.
const subs = 32

// Histogram counts durations. Its zero value is empty.
type Histogram struct {
	counts [40 * subs]uint32
	n      int
	sum    time.Duration
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[index(d)]++
	h.n++
	h.sum += d
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int { return h.n }

// Mean returns their mean; 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile returns the duration that a share of q is not above; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := max(1, int(q*float64(h.n)+0.999999))
	for i, c := range h.counts {
		rank -= int(c)
		if rank <= 0 {
			return middle(i)
		}
	}
	return middle(len(h.counts) - 1)
}

// The buckets: up to 32 µs one a microsecond, then 32 for each doubling.
const unitOf = time.Microsecond

func index(d time.Duration) int {
	u := uint64(max(d, 0) / unitOf)
	if u < subs {
		return int(u)
	}
	shift := bits.Len64(u) - 6
	return min((shift+1)*subs+int(u>>shift)-subs, 40*subs-1)
}

func middle(i int) time.Duration {
	if i < subs {
		return time.Duration(i)*unitOf + unitOf/2
	}
	shift := i/subs - 1
	low := uint64(i%subs+subs) << shift
	return time.Duration(low)*unitOf + unitOf<<shift/2
}
