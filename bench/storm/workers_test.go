package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// bench hands in jobs and notes when each was done, in time since the start.
type bench struct {
	*workers
	start time.Time
	done  []*time.Duration
}

func newBench(c condition) *bench {
	return &bench{workers: newWorkers(c), start: time.Now()}
}

func (b *bench) job(demand time.Duration) {
	took, end := new(time.Duration), b.submit(demand)
	b.done = append(b.done, took)
	go func() {
		<-end
		*took = time.Since(b.start)
	}()
}

// want waits until all is done.
func (b *bench) want(t *testing.T, want ...time.Duration) {
	t.Helper()
	time.Sleep(time.Hour)
	synctest.Wait()
	for i := range want {
		if *b.done[i] != want[i] {
			t.Errorf("job %d was done after %v, want %v", i, *b.done[i], want[i])
		}
	}
	if busy, waiting := b.load(); busy != 0 || waiting != 0 {
		t.Errorf("%d at work and %d waiting in the end", busy, waiting)
	}
}

const ms = time.Millisecond

// TestWorkersTakeTurns: so many at once, first come, first served.
func TestWorkersTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(condition{Slow: 1, Workers: 2})
		for _, d := range []time.Duration{40, 10, 10, 50, 5} {
			b.job(d * ms)
		}
		if busy, waiting := b.load(); busy != 2 || waiting != 3 {
			t.Errorf("%d at work and %d waiting, want 2 and 3", busy, waiting)
		}
		// The second worker takes the third job at 10 and the fourth at 20.
		b.want(t, 40*ms, 10*ms, 20*ms, 70*ms, 45*ms)
		if b.most != 3 {
			t.Errorf("the longest queue was %d, want 3", b.most)
		}
	})
}

// TestSlowdownIsForThoseWhoBegin: as in the simulator, what is worked on already
// isn't slowed, and what waits is.
func TestSlowdownIsForThoseWhoBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(condition{Slow: 1, Workers: 1})
		b.job(40 * ms)
		b.job(40 * ms)
		time.Sleep(10 * ms)
		b.set(condition{Slow: 5, Workers: 1})
		time.Sleep(100 * ms)
		b.set(condition{Slow: 1, Workers: 1})
		b.job(10 * ms)
		b.want(t, 40*ms, 240*ms, 250*ms)
	})
}

// TestLossAndReturnOfWorkers: those that are lost finish what they are at, and
// those that return take at once what waits.
func TestLossAndReturnOfWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(condition{Slow: 1, Workers: 2})
		for range 6 {
			b.job(40 * ms)
		}
		b.set(condition{Slow: 1, Workers: 1})
		time.Sleep(100 * ms)
		b.set(condition{Slow: 1, Workers: 3})
		b.want(t, 40*ms, 40*ms, 80*ms, 120*ms, 140*ms, 140*ms)
	})
}

// TestLateTimersCostNoCapacity: a worker's next job begins when the last one was
// due, even if its timer fired later; never before the job came.
func TestLateTimersCostNoCapacity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(condition{Slow: 1, Workers: 1})
		waiting := &job{demand: 40 * ms, came: b.start, done: make(chan struct{})}
		late := &job{demand: 10 * ms, came: b.start.Add(65 * ms), done: make(chan struct{})}
		b.queue = []*job{waiting, late}
		b.busy = 1
		time.Sleep(70 * ms)
		// A job due at 20 is noticed at 70 only.
		b.end(&job{done: make(chan struct{})}, b.start.Add(20*ms))
		<-waiting.done
		if got := time.Since(b.start); got != 70*ms {
			t.Errorf("the first waiting one was done after %v, want at once: it was due at 60", got)
		}
		<-late.done
		if got := time.Since(b.start); got != 75*ms {
			t.Errorf("the one that came at 65 was done after %v, want 75ms", got)
		}
	})
}
