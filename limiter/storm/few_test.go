package storm

import (
	"testing"
	"time"
)

// TestFewFailures: a client that asks a little, of which some fails, is no
// storm: what it sends is let in, first attempts that look alike and retries.
func TestFewFailures(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	refused := 0
	for i := range 600 { // seven a second, all of one client and target, of which a few in a row fail
		now = now.Add(150 * time.Millisecond)
		r := Request{Print: 7, Client: 9}
		d.Arrive(now, &r)
		o := Useful
		switch {
		case !d.Admit(now, &r):
			refused++
			o = Shed
		case i%20 < 5:
			o = Failed
		}
		d.End(now.Add(20*time.Millisecond), &r, o)
	}
	if refused > 0 {
		t.Errorf("%d of 600 were refused, and the state is %v", refused, d.State())
	}
}
