package storm

import (
	"testing"
	"time"
)

// TestSurge: five times as many first attempts as usual, which all look alike,
// are more than the service can do. Nobody retries; but some are shed and more
// come than usual, which looks like retries. The service must be busy all the
// same.
func TestSurge(t *testing.T) {
	t.Parallel()
	s := newService(Config{}, 1)
	s.perSecond(200)
	print := s.print()
	s.arrivals(120*time.Second, func(at time.Duration) float64 {
		if at > 60*time.Second {
			return 500
		}
		return 100
	}, func() { s.ask(Request{Client: 1, Print: print}, true, func(bool, Answer) {}) })
	s.run(60 * time.Second)
	for range 12 {
		before := s.good
		s.run(s.now + 5*time.Second)
		if rate := float64(s.good-before) / 5; rate < 180 {
			t.Errorf("after %v: %.0f a second are answered, 190 could be", s.now, rate)
		}
	}
	if s.firstSheds > 0 {
		t.Errorf("%d first attempts were refused as retries", s.firstSheds)
	}
}
