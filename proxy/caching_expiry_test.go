package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyExpireAtOnce: thousands of keys expire at one moment, and are asked for
// at once. They are refreshed with what the service has free, and who waits for
// an answer of another kind waits no longer than before.
func TestManyExpireAtOnce(t *testing.T) {
	const keys, limit, takes = 4_000, 12, 10 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var inflight, most, refreshed atomic.Int64
		yaml := strings.Replace(caches(", staleWhileRevalidate: 1h", "", ""), "limit: 4, queue: {length: 0}", fmt.Sprintf("limit: %d", limit), 1)
		o := newOrigin(t, yaml, func(w http.ResponseWriter, r *http.Request) {
			n := inflight.Add(1)
			defer inflight.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(takes)
			if r.Method == http.MethodGet {
				refreshed.Add(1)
				gives("x", "Cache-Control: max-age=10")(w, r)
			}
		})
		ask := func(method, path string) time.Duration {
			s, began := &sink{header: http.Header{}}, time.Now()
			o.proxy.ServeHTTP(s, httptest.NewRequestWithContext(t.Context(), method, path, nil))
			if status, _ := s.got(); status != 200 {
				t.Errorf("%s %s: %d", method, path, status)
			}
			return time.Since(began)
		}
		// Half of the limit's worth of other requests, at steady intervals.
		others := func(lasts time.Duration) (mean time.Duration) {
			var sum atomic.Int64
			var wg sync.WaitGroup
			n := 0
			for end := time.Now().Add(lasts); time.Now().Before(end); n++ {
				wg.Go(func() { sum.Add(int64(ask("POST", "/other"))) })
				time.Sleep(takes / (limit / 2))
			}
			wg.Wait()
			return time.Duration(sum.Load()) / time.Duration(n)
		}
		for i := range keys {
			if i%limit == 0 {
				synctest.Wait()
			}
			ask("GET", fmt.Sprintf("/%d", i))
		}
		before := others(time.Second)
		time.Sleep(time.Minute)
		most.Store(0)
		refreshed.Store(0)
		slowest := time.Duration(0)
		var crowd sync.WaitGroup
		crowd.Go(func() {
			for i := range 2 * keys { // at 4,000 a second, each key twice
				slowest = max(slowest, ask("GET", fmt.Sprintf("/%d", i%keys)))
				time.Sleep(250 * time.Microsecond)
			}
		})
		during := others(2 * time.Second)
		crowd.Wait()
		t.Logf("others took %v before and %v during; %d refreshes, at most %d at the service", before, during, refreshed.Load(), most.Load())
		if during > before+before/20 {
			t.Errorf("others took %v, and %v before", during, before)
		}
		if slowest != 0 {
			t.Errorf("somebody waited %v for a stale answer", slowest)
		}
		if m := most.Load(); m > limit || refreshed.Load() < 100 {
			t.Errorf("at most %d at the service at once, %d refreshes", m, refreshed.Load())
		}
	})
}
