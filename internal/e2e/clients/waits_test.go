package clients

import (
	"strconv"
	"testing"
	"time"
)

// grain is how early a timer may be: JavaScript's count whole milliseconds.
const grain = 2 * time.Millisecond

// checkWaits wants each attempt to come no sooner than the one before was told,
// where the client heeds what it was told, and says whether that was so at all.
func (c client) checkWaits(t *testing.T, attempts []attempt) (waited bool) {
	t.Helper()
	for i := 1; i < len(attempts); i++ {
		before := attempts[i-1]
		wait, heeds := c.heedsAny(before.told())
		if !heeds || wait == 0 {
			continue
		}
		waited = true
		if gap := attempts[i].came.Sub(before.answered); gap < wait-grain {
			t.Errorf("attempt %d came after %v, the one before was told %v", i+1, gap, before.told())
		}
	}
	return waited
}

// count is a number of attempts as the tables have it.
func count(attempts int, waited bool) string {
	if waited {
		return strconv.Itoa(attempts) + ", as told"
	}
	return strconv.Itoa(attempts)
}
