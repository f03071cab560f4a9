package limiter

import "math"

// window measures a cohort: the requests that were dispatched while it was
// open, since the limit last moved. It is looked at when nearly all of them
// have come back. To take instead whatever comes back within a time would
// favour the quick ones, the more the shorter the time.
//
// It works on logarithms of latency over the class's baseline. Their mean is
// known far better, from as few samples, than that of the latencies
// themselves: one request in ten that is ten times dearer hardly moves it, and
// a wait that all have in common moves it a lot.
type window struct {
	id     uint32
	begun  int64
	closed bool // nobody enters any more

	out      int     // of the cohort, still inflight
	outSince float64 // sum of the times of their dispatch

	n        int
	sum, sq  float64 // of the logarithms, and of their squares
	latency  float64 // sum, in ns
	occ      float64 // sum of inflight at dispatch
	full     int     // dispatched at the limit
	drops    int
	censored int            // of n: their latency is a lower bound
	levels   [fitGrid]level // the samples that count in full, by inflight at dispatch
	look     int            // how many samples there will be when it is looked at early again
}

func (w *window) reset(now int64) { *w = window{id: w.id + 1, begun: now} }

// enter takes a request into the cohort, if it is open, and returns its mark.
func (w *window) enter(now int64) uint32 {
	if w.closed {
		return 0
	}
	w.out++
	w.outSince += float64(now)
	return w.id
}

// leave takes one out of the cohort that came back.
func (w *window) leave(since int64) {
	w.out--
	w.outSince -= float64(since)
}

func (w *window) add(latency, logRatio, occupancy float64, full bool) {
	w.n++
	w.latency += latency
	w.sum += logRatio
	w.sq += logRatio * logRatio
	w.occ += occupancy
	if full {
		w.full++
	}
}

// mean is the mean logarithm. Those still inflight count as what has passed
// and, since nothing better is known, a mean latency more.
func (w *window) mean(now int64) float64 {
	if w.n == 0 {
		return 0
	}
	m := w.sum / float64(w.n)
	if w.out == 0 {
		return m
	}
	usual := w.latency / float64(w.n)
	passed := float64(now) - w.outSince/float64(w.out)
	missing := m + math.Log((passed+usual)/usual)
	if float64(w.out) > windowMissing*float64(w.n) { // those that came last, not the slow ones
		missing = max(m, m+math.Log(passed/usual))
	}
	return (w.sum + missing*float64(w.out)) / float64(w.n+w.out)
}

// length is how long a window should last: two latencies.
func (w *window) length() int64 {
	return min(max(int64(2*w.latency/float64(max(w.n, 1))), windowLeast), windowMost)
}

// spread is the standard deviation of the logarithms.
func (w *window) spread() float64 {
	if w.n < 2 {
		return 1
	}
	n := float64(w.n)
	m := w.sum / n
	return math.Sqrt(max(0, w.sq/n-m*m))
}

// occupancy is the mean inflight at dispatch, the request itself included.
func (w *window) occupancy() float64 { return w.occ / float64(max(w.n, 1)) }

// binding says that the limit, not the load, decided how much was inflight.
func (w *window) binding() bool { return 2*w.full >= w.n && w.n > 0 }
