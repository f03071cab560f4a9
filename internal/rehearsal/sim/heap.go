package sim

// kind says what an event is.
type kind uint8

const (
	evArrival  kind = iota // a population's next request; ref is the population
	evTimeout              // an attempt's client gives it up; ref is the attempt
	evRetry                // a client tries again; ref is the call
	evComplete             // a worker has finished; ref is the attempt
	evAnswer               // an answer reaches the gate; ref is the attempt
	evRefusal              // an error reaches the gate; ref is the attempt
	evTick                 // the gate wants to be called
	evTrigger              // a trigger begins or ends
	evSpan                 // a measured span begins or ends
	evPause                // the service stops or goes on
	evSample               // the series take a sample
	evWarm                 // the warm-up is over
	evEnd                  // the run is over
)

// event is something that will happen. It holds no pointer, so that the heap
// costs the garbage collector nothing.
type event struct {
	at   int64  // nanoseconds
	seq  uint64 // ties are broken by the order of scheduling
	ref  uint32
	gen  uint32 // an event whose generation has passed is ignored
	kind kind
}

func (e *event) before(f *event) bool {
	return e.at < f.at || (e.at == f.at && e.seq < f.seq)
}

// heap is a heap of events with four children a node: as many comparisons as
// with two, and half the cache misses.
type heap struct{ events []event }

func (h *heap) len() int { return len(h.events) }

func (h *heap) push(e event) {
	h.events = append(h.events, e)
	es, i := h.events, len(h.events)-1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&es[parent]) {
			break
		}
		es[i] = es[parent]
		i = parent
	}
	es[i] = e
}

func (h *heap) pop() event {
	es := h.events
	top, n := es[0], len(es)-1
	last := es[n]
	h.events = es[:n]
	if n == 0 {
		return top
	}
	es = es[:n]
	i := 0
	for {
		first := 4*i + 1
		if first >= n {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, n); c++ {
			if es[c].before(&es[least]) {
				least = c
			}
		}
		if !es[least].before(&last) {
			break
		}
		es[i] = es[least]
		i = least
	}
	es[i] = last
	return top
}
