package main

import (
	"slices"
	"sync"
	"time"
)

// workers work on so many jobs at once, first come, first served, by waiting as
// long as each takes. They don't notice who leaves: what was submitted is worked
// on, wanted or not, as in a service that reads its requests before it knows.
//
// A worker that becomes free begins its next job at the moment at which the last
// one was due, not when its timer fired, however late that was: the capacity is
// exactly the number of workers over the time of a job, on a busy machine too.
type workers struct {
	mu    sync.Mutex
	cond  condition
	busy  int
	queue []*job // from head on
	head  int
	// late is how late timers fired, in the order of their jobs.
	late []time.Duration
	// most is how long the queue has been at most.
	most int
	// past are the stretches of time that are over, and came what has been
	// submitted in the one that began at since.
	past  []phase
	came  int
	since time.Time
}

// phase is a stretch of time in which the condition stayed what it was.
type phase struct {
	// Came counts what was submitted, Lasted is how long it was.
	Came   int
	Lasted time.Duration
}

// job is something to work on.
type job struct {
	demand time.Duration // when nothing slows the service
	came   time.Time
	done   chan struct{} // closed when it is done
}

func newWorkers(c condition) *workers { return &workers{cond: c, since: time.Now()} }

// submit hands in a job. The channel returned closes when it is done.
func (w *workers) submit(demand time.Duration) <-chan struct{} {
	j := &job{demand: demand, came: time.Now(), done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came++
	if w.busy < w.cond.Workers {
		w.begin(j, j.came)
		return j.done
	}
	w.queue = append(w.queue, j)
	w.most = max(w.most, len(w.queue)-w.head)
	return j.done
}

// set changes the condition: for the jobs that begin from now on, as far as
// their length goes. Workers that are lost finish what they are at.
func (w *workers) set(c condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.past, w.came, w.since = w.phases(now), 0, now
	w.cond = c
	w.staff(now)
}

// phases returns the stretches up to now; the lock is held.
func (w *workers) phases(now time.Time) []phase {
	return append(slices.Clone(w.past), phase{w.came, now.Sub(w.since)})
}

// load returns how many jobs are worked on and how many wait.
func (w *workers) load() (busy, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy, len(w.queue) - w.head
}

func (w *workers) begin(j *job, at time.Time) {
	if at.Before(j.came) {
		at = j.came
	}
	w.busy++
	due := at.Add(time.Duration(float64(j.demand) * w.cond.Slow))
	time.AfterFunc(time.Until(due), func() { w.end(j, due) })
}

func (w *workers) end(j *job, due time.Time) {
	close(j.done)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, time.Since(due))
	w.busy--
	w.staff(due)
}

// staff gives free workers something to do from a moment on.
func (w *workers) staff(at time.Time) {
	for w.busy < w.cond.Workers && w.head < len(w.queue) {
		j := w.queue[w.head]
		w.queue[w.head] = nil
		w.head++
		w.begin(j, at)
	}
	if w.head == len(w.queue) {
		w.queue, w.head = w.queue[:0], 0
	}
}
