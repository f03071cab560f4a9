package clock

import (
	"testing"
	"time"
)

// TestMoments: any moment since the process began is more than 0, which means
// never, and a moment that was kept is had back.
func TestMoments(t *testing.T) {
	now := time.Now()
	for _, at := range []time.Time{now, now.Add(time.Hour), now.Round(0)} {
		d := Since(at)
		if d <= 0 {
			t.Errorf("%v is %v", at, d)
		}
		if back := At(d); back.Sub(at).Abs() > time.Millisecond {
			t.Errorf("%v came back as %v", at, back)
		}
	}
	if before, at, after := Since(now), Now(), Since(time.Now()); at < before || at > after {
		t.Errorf("the present is %v, between %v and %v", at, before, after)
	}
	if Since(now.Add(time.Second))-Since(now) != time.Second {
		t.Error("a second isn't one")
	}
}
