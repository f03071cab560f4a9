package limiter

import "math"

// window gathers samples between two looks of the controller. Only permits
// given since the limit last moved count: they alone show what it does.
type window struct {
	begun   int64
	n       int
	latency float64 // sum, in ns
	expect  float64 // sum of the classes' baselines for the same requests
	ratio2  float64 // sum of squared latency/baseline
	occ     float64 // sum of inflight at dispatch
	full    int     // of them, dispatched at the limit
	drops   int
	late    int
}

func (w *window) reset(now int64) { *w = window{begun: now} }

func (w *window) add(latency, expect, occupancy float64, full bool) {
	w.n++
	w.latency += latency
	w.expect += expect
	r := latency / expect
	w.ratio2 += r * r
	w.occ += occupancy
	if full {
		w.full++
	}
}

// inflation is how many times longer requests took than without queueing: a
// ratio of sums, so that a change of mix between cheap and dear classes is no
// change of latency.
func (w *window) inflation() float64 {
	if w.expect == 0 {
		return 1
	}
	return w.latency / w.expect
}

// deviation is the standard error of inflation, as a share of it.
func (w *window) deviation() float64 {
	if w.n < 2 {
		return 1
	}
	n, f := float64(w.n), w.inflation()
	variance := max(0, w.ratio2/n-f*f)
	return math.Sqrt(variance/n) / f
}

// occupancy is the mean inflight at dispatch, the request itself included.
func (w *window) occupancy() float64 { return w.occ / float64(max(w.n, 1)) }

// binding says that the limit, not the load, decided how much was inflight.
func (w *window) binding() bool { return 2*w.full >= w.n && w.n > 0 }
