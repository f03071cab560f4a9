package storm

import (
	"testing"
	"time"
)

// TestRetriesAreBounded: naive clients, most of whose attempts are shed. While
// that lasts, retries that are sent on are at most a tenth of what is answered
// usefully, but for what the bucket holds at first; and once the service is as
// before, so is everything.
func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		says  bool
		exact bool
	}{{"saying so", true, false}, {"with ids", false, true}, {"with nothing", false, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newService(Config{}, 7)
			s.perSecond(400)
			won := 0
			s.arrivals(80*time.Second, func(time.Duration) float64 { return 200 }, func() {
				r := Request{Client: s.rand.Uint64N(100) + 1, Print: s.print(), Exact: c.exact}
				s.insist(r, c.says, 4, s.fullJitter(200*time.Millisecond, 2*time.Second), func(ok bool) {
					if ok {
						won++
					}
				})
			})
			s.run(20 * time.Second)
			if s.d.State() != Calm {
				t.Fatalf("%v before anything happened", s.d.State())
			}
			s.perSecond(100)
			s.run(21 * time.Second)
			if s.d.State() != Storm {
				t.Errorf("a second after: %+v", s.d.Status(s.start.Add(s.now)))
			}
			s.run(22 * time.Second)
			good, retries := s.good, s.retriesSent
			s.run(50 * time.Second)
			share := float64(s.retriesSent-retries) / float64(s.good-good)
			if share > 0.11 || s.good-good < 28*85 {
				t.Errorf("%d retries were sent on, %.3f of what was answered (%d)", s.retriesSent-retries, share, s.good-good)
			}
			s.perSecond(400)
			s.run(52 * time.Second)
			won = 0
			s.run(80 * time.Second)
			if won < 28*196 {
				t.Errorf("after it: %d of about %d requests were answered", won, 28*200)
			}
			if s.d.State() != Calm {
				t.Errorf("28 s after it: %v", s.d.Status(s.start.Add(s.now)))
			}
		})
	}
}
