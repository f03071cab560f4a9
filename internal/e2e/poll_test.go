package e2e

import (
	"testing"
	"time"
)

// eventually waits for a condition on something that sends no events:
// another process. It fails the test when the condition doesn't come true in time.
// The one place in the project's tests where time is waited out.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
