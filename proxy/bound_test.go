package proxy

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestTheTimerOfTheOneBefore may ring at any moment of an exchange that is used
// again: it ends none that isn't due.
func TestTheTimerOfTheOneBefore(t *testing.T) {
	x := &exchange{}
	over := make(chan struct{})
	var ringing sync.WaitGroup
	ringing.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				x.bound.mu.Lock()
				x.bound.rings = time.Time{} // it is due just now
				x.bound.mu.Unlock()
				x.bound.check()
			}
		}
	})
	r := httptest.NewRequest("GET", "/", nil)
	rt := &route{}
	rt.timeouts.answer = time.Minute
	for i := range 50_000 {
		x.r, x.route, x.start = r, rt, time.Now()
		x.deadline = x.start.Add(time.Duration(1+i%3) * time.Minute)
		x.limit()
		if cause := context.Cause(x.ctx); cause != nil {
			t.Errorf("the %d. one was ended at its birth: %v", i, cause)
			break
		}
		x.bound.end(x.start)
		x.cancel(nil)
		x.facts = facts{}
		x.bound.renew()
	}
	close(over)
	ringing.Wait()
	x.bound.let()
}
