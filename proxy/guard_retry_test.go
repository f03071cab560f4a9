package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// A guarded request is retried only where the upstream can't have got it: the
// key is for upstreams that don't know it themselves. What a retry would have
// been worth without the guard is in doubt with it.
func TestGuardedRetries(t *testing.T) {
	const request = "POST /a\nIdempotency-Key: k\n\nbody"
	for _, c := range []struct {
		name          string
		acts          []act
		first, second int
		replayed      bool
		arrived       int
	}{
		{"refused", []act{nil}, 200, 200, true, 1},
		{"refused twice", []act{nil, nil}, 200, 200, true, 1},
		{"refused, then reset", []act{nil, resets}, 502, 409, false, 1},
		{"reset", []act{resets}, 502, 409, false, 1},
		{"slow", []act{hangs}, 504, 409, false, 1},
		{"503", []act{answers(503)}, 503, 503, true, 1},
		{"503, and please again", []act{answers(503, "Retry-After: 0")}, 503, 503, true, 1},
		{"503 of another Levee", []act{answers(503, "Levee-Shed: overload")}, 503, 200, false, 2},
		{"refused by all", []act{nil, nil, nil}, 502, 200, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStage(t, 2, ", idempotency: {mode: optional}",
					", concurrency: {mode: off}, retry: {attempts: 2, perTryTimeout: 1s, hedge: {after: 10ms}, budget: {minPerSecond: 100}}", c.acts...)
				g := f.proxy.o.guard
				g.configure(f.proxy.gen.Load().cfg, time.Now())
				defer g.close()
				if status, header, body := f.do(request); status != c.first || header.Get(replayedHeader) != "" {
					t.Errorf("first: %d %v %q", status, header, body)
				}
				status, header, body := f.do(request)
				if status != c.second || (header.Get(replayedHeader) == "true") != c.replayed {
					t.Errorf("second: %d %v %q", status, header, body)
				}
				f.quiet()
				if n := len(f.arrivals()); n != c.arrived {
					t.Errorf("arrived %d times, want %d", n, c.arrived)
				}
			})
		})
	}
}
