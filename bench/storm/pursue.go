package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// pursuit is a request on its way through the layers of its callers.
type pursuit struct {
	*request
	ctx    context.Context
	number uint64
	start  time.Time
	p      *patience
	send   sender
}

// pursue sends a request until it is answered well, or its callers have enough.
func pursue(ctx context.Context, r *request, number uint64, start time.Time, p patience, send sender) {
	u := pursuit{r, ctx, number, start, &p, send}
	u.layer(len(p.above), start.Add(r.due+p.whole))
}

// layer tries what is below a layer until that is good, or it has no tries or
// no time left; layer 0 sends attempts.
//
// Who obeys and is told to wait for longer than it may passes that on at once;
// others fall asleep over their backoff, and their caller's time runs out.
func (u *pursuit) layer(layer int, until time.Time) reply {
	timeout, retries, backoff := u.p.attempt, u.p.retries, u.p.backoff
	if layer > 0 {
		above := u.p.above[layer-1]
		timeout, retries, backoff = above.Timeout, above.Retries, above.Backoff
	}
	for try := 0; ; try++ {
		end := time.Now().Add(timeout)
		if until.Before(end) {
			end = until
		}
		var got reply
		if layer > 0 {
			got = u.layer(layer-1, end)
		} else {
			got = u.attempt(end)
		}
		if got.outcome == good || try == retries || u.p.obeys && got.stop || !time.Now().Before(until) {
			return got
		}
		wait := backoff.Wait(try, rand.Float64())
		if u.p.obeys && got.after > 0 {
			wait = max(wait, got.after)
			if !time.Now().Add(wait).Before(until) {
				return got
			}
		}
		left := time.Until(until)
		if !pause(u.ctx, min(wait, left)) || wait >= left {
			got.outcome = gaveUp
			return got
		}
	}
}

// pause waits; false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt sends the next one, and notes what became of it.
func (u *pursuit) attempt(until time.Time) reply {
	began := time.Now()
	got := u.send(u.number, len(u.attempts), until)
	u.attempts = append(u.attempts, attempt{began.Sub(u.start), time.Since(u.start), got.outcome})
	return got
}
