package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter/budget"
	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// TestRefreshesArePaidFor: while an upstream fails, and whatever it does between,
// refreshes and retries together send no more than its budget pays for, and every
// request is answered from the cache. Once it is well, all that is asked for
// becomes fresh.
func TestRefreshesArePaidFor(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 5))
		percent, perSecond, attempts := rng.IntN(30), 1+rng.IntN(3), rng.IntN(2)*2
		name := fmt.Sprintf("seed %d: %d%% and %d a second, %d retries", seed, percent, perSecond, attempts)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const keys = 500
				var ill atomic.Bool
				var failed, succeeded atomic.Int64
				yaml := strings.Replace(caches(", staleWhileRevalidate: 1h", "", ""),
					"limit: 4, queue: {length: 0}", "limit: 40", 1)
				yaml = strings.Replace(yaml, "retry: {attempts: 0}", fmt.Sprintf("retry: {attempts: %d, budget: {percent: %d, minPerSecond: %d}}", attempts, percent, perSecond), 1)
				o := newOrigin(t, yaml, func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(5 * time.Millisecond)
					if ill.Load() {
						failed.Add(1)
						w.WriteHeader(503)
						return
					}
					succeeded.Add(1)
					gives("x", "Cache-Control: max-age=10")(w, r)
				})
				ask := func(key int) (status int, said string) {
					s := &sink{header: http.Header{}}
					o.proxy.ServeHTTP(s, httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/%d", key), nil))
					status, _ = s.got()
					return status, s.header.Get("Cache-Status")
				}
				for i := range keys {
					ask(i)
				}
				synctest.Wait()
				time.Sleep(time.Minute)
				succeeded.Store(0)
				b := o.proxy.gen.Load().upstreams["service"].refreshes
				left := b.Left(time.Now())
				began := time.Now()
				for round := range 4 {
					ill.Store(round%2 == 0)
					for range 3_000 { // a thousand a second
						if status, said := ask(rng.IntN(keys)); status != 200 {
							t.Fatalf("%d %s", status, said)
						}
						time.Sleep(time.Millisecond)
					}
					time.Sleep(10 * time.Millisecond)
					passed := time.Since(began).Seconds()
					pays := left + float64(percent)/100*float64(succeeded.Load()) + float64(perSecond)*passed
					if got := float64(failed.Load()); got > pays {
						t.Errorf("after %.0f s %v failed, and %v were paid for", passed, got, pays)
					}
				}
				s := b.status()
				if failed.Load() == 0 || succeeded.Load() < keys/2 || s.Unpaid == 0 || int64(s.Failed) > failed.Load() {
					t.Errorf("%d failed, %d succeeded, %+v: that shows nothing", failed.Load(), succeeded.Load(), s)
				}
				t.Logf("%d failed, %d succeeded, %+v", failed.Load(), succeeded.Load(), s)
				ill.Store(false)
				time.Sleep(time.Minute)
				for i := range 16 * keys {
					ask(i % keys)
					time.Sleep(time.Millisecond)
				}
				fresh := 0
				for i := range keys {
					if _, said := ask(i); !strings.Contains(said, "detail=stale") {
						fresh++
					}
				}
				if fresh < keys {
					t.Errorf("%d of %d are fresh again", fresh, keys)
				}
				time.Sleep(time.Second)
			})
		})
	}
}

// TestRefreshBudgetOutlivesAReload, and is that of the retries where there are any.
func TestRefreshBudgetOutlivesAReload(t *testing.T) {
	policy := &retryPolicy{budget: budget.New(budget.Config{Percent: 20, MinPerSecond: 2})}
	cfg := parse(t, limited("{mode: off}, retry: {attempts: 1, budget: {percent: 20, minPerSecond: 2}}", "", ""), "http://10.0.0.1:80").Upstreams[0]
	shared := newRefreshBudget(&cfg, policy, nil)
	if shared.Budget != policy.budget || shared.own {
		t.Error("the retries' budget isn't used")
	}
	own := newRefreshBudget(&cfg, nil, nil)
	own.failed.Add(3)
	again := newRefreshBudget(&cfg, nil, &Upstream{refreshes: own})
	if !own.own || again.Budget != own.Budget || again.failed.Load() != 3 {
		t.Errorf("%+v became %+v", own, again)
	}
	cfg.Retry.Budget.Percent, cfg.Retry.Budget.MinPerSecond = 0, 0
	none := newRefreshBudget(&cfg, policy, &Upstream{refreshes: own})
	if !none.own || none.Budget == own.Budget || !none.Spare(clock.At(0)) {
		t.Error("without a budget for retries nothing is refreshed")
	}
}
