package main

import (
	"context"
	"sync"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// patience is how clients behave.
type patience struct {
	attempt time.Duration // they give an attempt so long,
	whole   time.Duration // a request so long in all,
	retries int           // and try again so often,
	backoff sim.Backoff   // after so long
	above   []sim.Layer   // callers above them, the nearest first
	obeys   bool          // they do what a refusal says
}

// request is what became of one. Its times count from the run's beginning.
type request struct {
	due time.Duration // when it should have been sent first
	// attempts are in order; the first one's beginning says how late it was.
	attempts []attempt
}

type attempt struct {
	began, ended time.Duration
	outcome      outcome
}

// good says whether the request was answered well, and when.
func (r *request) good() (at time.Duration, ok bool) {
	if n := len(r.attempts); n > 0 {
		last := r.attempts[n-1]
		return last.ended, last.outcome == good
	}
	return 0, false
}

// slip is how late the request was sent.
func (r *request) slip() time.Duration { return r.attempts[0].began - r.due }

// reply is what an attempt came to.
type reply struct {
	outcome
	// stop says that the client was told not to try again; after, when not 0,
	// when it was told to come back.
	stop  bool
	after time.Duration
}

// sender makes one attempt of a request, numbered from 0, and returns by until.
type sender func(number uint64, attempt int, until time.Time) reply

// drive sends requests when they are due, whatever became of those before: an
// open loop. It returns when the last one has ended; requests that weren't sent
// when ctx ended are not in the result.
func drive(ctx context.Context, start time.Time, due []time.Duration, p patience, send sender) []request {
	all := make([]request, len(due))
	var running sync.WaitGroup
	defer running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for i := range all {
		r := &all[i]
		r.due = due[i]
		if wait := time.Until(start.Add(r.due)); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				running.Wait()
				return all[:i]
			}
		}
		running.Go(func() { pursue(ctx, r, uint64(i), start, p, send) })
	}
	running.Wait()
	return all
}
