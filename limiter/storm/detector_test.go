package storm

import (
	"testing"
	"time"
)

// TestStormIsKnownWithinASecond: explicit retries and sheds make a storm, and
// retries are then bounded by what is answered usefully.
func TestStormIsKnownWithinASecond(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	step := 5 * time.Millisecond
	now := start
	for ; now.Before(start.Add(10 * time.Second)); now = now.Add(step) {
		r := &Request{Client: 1}
		d.Arrive(now, r)
		d.End(now, r, Useful)
	}
	if d.State() != Calm {
		t.Fatalf("all is well: %v", d.Status(now))
	}
	began, known := now, time.Duration(-1)
	answered, retried := 0, 0
	for ; now.Before(began.Add(10 * time.Second)); now = now.Add(step) {
		r := &Request{Client: 1}
		d.Arrive(now, r)
		if int(now.Sub(began)/step)%4 == 3 {
			d.End(now, r, Shed)
		} else {
			d.End(now, r, Useful)
			answered++
		}
		for attempt := 2; attempt <= 3; attempt++ {
			r := &Request{Client: 1, Says: attempt}
			d.Arrive(now, r)
			if attempt == 2 && d.Admit(now, r) && now.Sub(began) > time.Second {
				retried++
				d.End(now, r, Failed)
				continue
			}
			if d.State() == Storm && d.Answer(now, r).Kind != Stop {
				t.Fatal("not told to stop")
			}
			d.End(now, r, Shed)
		}
		if known < 0 && d.State() == Storm {
			known = now.Sub(began)
		}
	}
	if known < 0 || known > time.Second {
		t.Errorf("known after %v", known)
	}
	// A tenth, and what the bucket held when it began.
	if share := float64(retried) / float64(answered); share > 0.12 || share < 0.05 {
		t.Errorf("%d retries admitted for %d useful answers", retried, answered)
	}
	for quiet := now; now.Before(quiet.Add(20 * time.Second)); now = now.Add(time.Second) {
		d.Tick(now)
	}
	s := d.Status(now)
	if s.State != "calm" || s.Entered["storm"] != 1 || s.Entered["recovering"] != 1 || len(s.Changes) < 3 {
		t.Errorf("after 20 quiet seconds: %+v", s)
	}
}
