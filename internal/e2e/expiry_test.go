package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// How many answers expire at one moment: LEVEE_E2E_EXPIRY, which make expiry
// sets to 100,000. So many that are fresh are asked for in between.
const (
	expiryKeys  = 2_000
	expiryLimit = 16
	expiryTakes = 10 * time.Millisecond
	expirySlice = time.Second
)

// TestExpiryOfManyAtOnce: so many answers expire at one moment and are asked for,
// one after the other, each answered at once. What refreshes them takes half of
// the limit at most, and requests of another route to the same upstream take as
// long as in the seconds between, in which only fresh answers are asked for.
func TestExpiryOfManyAtOnce(t *testing.T) {
	keys, full := expiryKeys, false
	if text := os.Getenv("LEVEE_E2E_EXPIRY"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		keys, full = n, true
	}
	var expires atomic.Int64 // seconds since 1970
	var counting atomic.Bool
	var refreshing, most, refreshed atomic.Int64
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/other") {
			<-time.After(expiryTakes)
			return
		}
		if counting.Load() {
			n := refreshing.Add(1)
			defer refreshing.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			refreshed.Add(1)
			<-time.After(expiryTakes)
		}
		at := time.Now().Add(time.Hour)
		if strings.HasPrefix(r.URL.Path, "/expires") && !counting.Load() {
			at = time.Unix(expires.Load(), 0)
		}
		w.Header().Set("Expires", at.UTC().Format(http.TimeFormat))
		io.WriteString(w, r.URL.Path)
	})
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
log: {access: none}
cache: {bytes: 512MiB}
routes:
- {name: cached, upstream: origin, cache: {mode: on, staleWhileRevalidate: 1h}}
- {name: other, match: {pathPrefix: /other}, upstream: origin}
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: fixed, limit: %d}}]
`, address, expiryLimit)})
	client := http1()
	askFor := func(format string, key int) (time.Duration, string) {
		began := time.Now()
		resp, err := client.Get("http://" + l.addresses[0] + fmt.Sprintf(format, key))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%d, %v", resp.StatusCode, err)
		}
		return time.Since(began), resp.Header.Get("Cache-Status")
	}
	// each asks for keys from the first on, several at a time.
	each := func(format string, from, to int, limit *rate.Limiter) (stale int64) {
		var next, n atomic.Int64
		next.Store(int64(from))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for key := next.Add(1) - 1; key < int64(to); key = next.Add(1) - 1 {
					if limit.Wait(t.Context()) != nil {
						return
					}
					if _, said := askFor(format, int(key)); strings.Contains(said, "stale-while-revalidate") {
						n.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	began := time.Now()
	each("/fresh/%d", 0, keys, rate.NewLimiter(rate.Inf, 1))
	end := time.Now().Add(time.Since(began)*3/2 + 3*time.Second)
	expires.Store(end.Unix())
	each("/expires/%d", 0, keys, rate.NewLimiter(rate.Inf, 1))
	<-time.After(time.Until(end.Add(time.Second)))
	if filled := l.status().Proxy.Cache.Entries; filled < 2*keys {
		t.Fatalf("%d entries of %d", filled, 2*keys)
	}

	counting.Store(true)
	perSlice := 1000
	if !full {
		perSlice = keys / 4
	}
	var calm, expired []time.Duration
	var stale int64
	for from := 0; from < keys; from += perSlice {
		for _, kind := range []struct {
			format string
			into   *[]time.Duration
		}{{"/fresh/%d", &calm}, {"/expires/%d", &expired}} {
			over := make(chan struct{})
			var others sync.WaitGroup
			others.Go(func() {
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				var mu sync.Mutex
				for n := 0; ; n++ {
					select {
					case <-over:
						return
					case <-tick.C:
						others.Go(func() {
							took, _ := askFor("/other/%d", n)
							mu.Lock()
							defer mu.Unlock()
							*kind.into = append(*kind.into, took)
						})
					}
				}
			})
			stale += each(kind.format, from, min(from+perSlice, keys), rate.NewLimiter(rate.Limit(float64(perSlice)/expirySlice.Seconds()), 1))
			close(over)
			others.Wait()
		}
	}
	slices.Sort(calm)
	slices.Sort(expired)
	percentile := func(of []time.Duration, p int) time.Duration { return of[(len(of)-1)*p/100] }
	for _, p := range []int{50, 90, 99} {
		before, during := percentile(calm, p), percentile(expired, p)
		t.Logf("p%d of %d and %d others: %v, and %v (%+.1f%%)", p, len(calm), len(expired), before, during, 100*(during.Seconds()/before.Seconds()-1))
		// A quick run on a busy machine has few requests, and one pause of the
		// machine is one in a hundred.
		if bar := before * 105 / 100; during > bar && (full || p == 50 && during > bar+2*time.Millisecond) {
			t.Errorf("p%d of others: %v, and %v while %d answers had expired", p, before, during, keys)
		}
	}
	t.Logf("%d of %d answered stale, %d refreshes, at most %d at once", stale, keys, refreshed.Load(), most.Load())
	if stale < int64(keys)*9/10 || most.Load() > expiryLimit/2 || refreshed.Load() < int64(keys/100) {
		t.Errorf("%d of %d answered stale, %d refreshes, at most %d at once, want at most %d", stale, keys, refreshed.Load(), most.Load(), expiryLimit/2)
	}
}
