package limiter

import "time"

// list is a doubly linked list of waiters: entering, leaving from either end
// and leaving from the middle take constant time.
type list struct {
	first, last *Waiter
	n           int
}

func (l *list) push(w *Waiter) {
	w.list, w.prev, w.next = l, l.last, nil
	if l.last != nil {
		l.last.next = w
	} else {
		l.first = w
	}
	l.last = w
	l.n++
}

func (l *list) remove(w *Waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.last = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
	l.n--
}

// insert lets w in where its turn is, among those that came before and after.
func (l *list) insert(w *Waiter) {
	after := l.last
	for after != nil && after.since > w.since {
		after = after.prev
	}
	if after == l.last {
		l.push(w)
		return
	}
	w.list, w.prev = l, after
	if after != nil {
		w.next, after.next = after.next, w
	} else {
		w.next, l.first = l.first, w
	}
	w.next.prev = w
	l.n++
}

// Lanes of a priority, in the order in which they are served: first attempts
// before retries, and those of clients within their share before the others'.
const (
	laneFirst = iota
	laneRetry
	laneHeavy
	lanes
)

// floorEvery is how often, in grants, the lowest priority that waits goes
// first: so much of the service is left to it, however long the others wait.
const floorEvery = 20

// queue is where requests wait for a permit: first in, first out while it
// drains; last in, first out when it stands, since then the newest are the only
// ones whose clients surely still wait (CoDel, RFC 8289, tells the one from the
// other: the shortest wait of an interval stays above the target).
type queue struct {
	lanes  [priorities][lanes]list
	n      int
	bytes  int
	grants uint32

	// CoDel's state.
	target   int64 // a wait that is no matter, in ns
	interval int64 // how long waits must stay above it to be a standing queue
	above    int64 // since when they have; 0: they haven't
	standing bool
}

func (q *queue) push(w *Waiter, lane int) {
	w.state = waiting
	q.lanes[min(w.Priority, priorities-1)][lane].push(w)
	q.n++
	q.bytes += w.Size
}

func (q *queue) remove(w *Waiter) {
	w.list.remove(w)
	w.state = outside
	q.n--
	q.bytes -= w.Size
}

// move takes a class's waiters to another queue, each to its place there.
func (q *queue) move(to *queue, class int) {
	for p := range q.lanes {
		for lane := range q.lanes[p] {
			for w := q.lanes[p][lane].first; w != nil; {
				next := w.next
				if w.Class == class {
					q.remove(w)
					w.state = waiting
					to.lanes[p][lane].insert(w)
					to.n++
					to.bytes += w.Size
				}
				w = next
			}
		}
	}
}

// pop takes the waiter that goes next.
func (q *queue) pop(now int64) *Waiter {
	if q.n == 0 {
		q.calm()
		return nil
	}
	q.grants++
	var l *list
	if q.grants%floorEvery == 0 {
		l = q.lowest()
	} else {
		l = q.highest()
	}
	q.judge(now, now-l.first.since)
	w := l.first
	if q.standing {
		w = l.last
	}
	q.remove(w)
	return w
}

func (q *queue) highest() *list {
	for p := range q.lanes {
		for lane := range q.lanes[p] {
			if l := &q.lanes[p][lane]; l.n > 0 {
				return l
			}
		}
	}
	return nil
}

func (q *queue) lowest() *list {
	for p := priorities - 1; p >= 0; p-- {
		for lane := range q.lanes[p] {
			if l := &q.lanes[p][lane]; l.n > 0 {
				return l
			}
		}
	}
	return nil
}

// calm forgets a standing queue.
func (q *queue) calm() { q.above, q.standing = 0, false }

// judge is CoDel's look at a wait: the queue stands once waits have been above
// the target for an interval.
func (q *queue) judge(now, wait int64) {
	switch {
	case wait < q.target:
		q.calm()
	case q.above == 0:
		q.above = now
	case now-q.above >= q.interval:
		q.standing = true
	}
}

// overdue returns a waiter that has waited longer than a queue that drains
// makes anyone wait, and than patience, or nil. Waiters enter at a lane's end, so the longest wait
// of each is at its beginning.
func (q *queue) overdue(now, patience int64) *Waiter {
	if q.n == 0 {
		return nil
	}
	longest := max(q.drains(), patience)
	for p := priorities - 1; p >= 0; p-- {
		for lane := lanes - 1; lane >= 0; lane-- {
			if w := q.lanes[p][lane].first; w != nil && now-w.since > longest {
				return w
			}
		}
	}
	return nil
}

// drains is how long a queue that drains makes anyone wait.
func (q *queue) drains() int64 {
	if q.standing {
		return max(q.target, q.interval/2)
	}
	return q.interval
}

// longest is how long the first of those that wait has waited.
func (q *queue) longest(now int64) int64 {
	most := int64(0)
	for p := range q.lanes {
		for lane := range q.lanes[p] {
			if w := q.lanes[p][lane].first; w != nil {
				most = max(most, now-w.since)
			}
		}
	}
	return most
}

// victim returns the waiter that gives way to w in a full queue: the oldest of
// the last lane behind w's, or nil where none is.
func (q *queue) victim(w *Waiter, lane int) *Waiter {
	for p := priorities - 1; p >= int(min(w.Priority, priorities-1)); p-- {
		for l := lanes - 1; l >= 0; l-- {
			if p == int(w.Priority) && l <= lane {
				return nil
			}
			if v := q.lanes[p][l].first; v != nil {
				return v
			}
		}
	}
	return nil
}

// stale returns the oldest of w's own lane, if it has waited for longer than a
// queue that drains makes anyone wait, or nil: of two requests in a queue that
// stands, the newer one is surely still waited for.
func (q *queue) stale(w *Waiter, lane int) *Waiter {
	v := q.lanes[min(w.Priority, priorities-1)][lane].first
	if v == nil || w.since-v.since <= q.drains() {
		return nil
	}
	return v
}

// newest returns the last to come of w's own lane, or nil.
func (q *queue) newest(w *Waiter, lane int) *Waiter {
	return q.lanes[min(w.Priority, priorities-1)][lane].last
}

// tune sets CoDel's times from the baseline latency, in ns, and the limit. A
// narrow service needs a longer wait: with few that work, arrivals come by
// chance in gaps and heaps as long as several service times, and a short queue
// runs empty while requests have been turned away.
func (q *queue) tune(baseline, limit float64) {
	q.target = max(int64(5*time.Millisecond), int64(baseline/4))
	q.interval = max(int64(100*time.Millisecond), int64(2*baseline), int64(bridge*baseline/max(limit, 1)))
}

// bridge is how many baselines of a service of width 1 a wait may last.
const bridge = 12
