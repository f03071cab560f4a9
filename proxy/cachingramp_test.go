package proxy

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

func TestRamp(t *testing.T) {
	var r ramp
	start := clock.At(time.Hour)
	for _, step := range []struct {
		after      time.Duration
		most, want int64
	}{
		{0, 0, 1},
		{0, 60, 1},
		{time.Second, 60, 2},
		{15 * time.Second, 60, 30},
		{15 * time.Second, 1, 1},
		{-time.Hour, 60, 1},
		{29 * time.Second, 60, 58},
		{30 * time.Second, 60, 60},
		{0, 60, 60},
		{0, 0, 1},
	} {
		if step.after == 0 && step.most == 0 && r.since.Load() == 0 {
			r.begin(start)
		}
		if got := r.of(step.most, start.Add(step.after)); got != step.want {
			t.Errorf("after %v of %d: %d, want %d", step.after, step.most, got, step.want)
		}
		if step.after >= rampFor && r.since.Load() != 0 {
			t.Error("the ramp doesn't end")
		}
	}
	r.begin(start)
	r.end()
	if got := r.of(60, start); got != 60 {
		t.Errorf("after its end: %d", got)
	}
}

// TestWarmStart: a cache that was restored with nothing but stale answers serves
// them all at once, and refreshes them behind, few at first.
func TestWarmStart(t *testing.T) {
	const keys, limit, takes = 2_000, 20, 20 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		var inflight, most, refreshed atomic.Int64
		answer := func(w http.ResponseWriter, r *http.Request) {
			n := inflight.Add(1)
			defer inflight.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(takes)
			refreshed.Add(1)
			gives("x", "Cache-Control: max-age=600")(w, r)
		}
		settings := func(cache string) string {
			return strings.Replace(caches(cache, "", ""), "limit: 4, queue: {length: 0}", fmt.Sprintf("limit: %d", limit), 1)
		}
		k := newKeptWith(t, settings(", staleWhileRevalidate: 1h"), file, answer)
		for i := range keys {
			k.get(fmt.Sprintf("/%d", i))
		}
		synctest.Wait()
		k.ends()
		time.Sleep(20 * time.Minute) // all is stale
		k = newKeptWith(t, settings(", staleWhileRevalidate: 1h"), file, answer)
		if s := k.snapshot(); s.Restored != keys {
			t.Fatalf("%+v", s)
		}
		synctest.Wait()
		ask := func(lasts time.Duration) (peak, n int64) { // 1,000 a second
			most.Store(0)
			refreshed.Store(0)
			for i, end := 0, time.Now().Add(lasts); time.Now().Before(end); i++ {
				began := time.Now()
				if r := k.get(fmt.Sprintf("/%d", i%keys)); r.StatusCode != 200 || time.Since(began) != 0 {
					t.Fatalf("%d %s, after %v", r.StatusCode, r.status(), time.Since(began))
				}
				time.Sleep(time.Millisecond)
			}
			return most.Load(), refreshed.Load()
		}
		first, n := ask(2 * time.Second)
		if first > 1 || n < 50 || n > 100 { // one after the other, of 20 ms each
			t.Errorf("in the first two seconds at most %d at once at the upstream, %d in all", first, n)
		}
		time.Sleep(13 * time.Second)
		middle, _ := ask(time.Second)
		if middle > limit/4 {
			t.Errorf("half way up the ramp at most %d at once", middle)
		}
		time.Sleep(20 * time.Second)
		last, _ := ask(time.Second)
		t.Logf("at most %d, %d and %d at once", first, middle, last)
		if last <= middle || last > limit/2 {
			t.Errorf("after the ramp at most %d at once", last)
		}
		time.Sleep(2 * takes) // what is under way ends
	})
}
