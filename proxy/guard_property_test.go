package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// TestKeysReachTheUpstreamOnce sends requests of few keys, whose clients leave,
// whose deadlines pass and whose calls panic at any point, to endpoints that
// are slow, broken or gone, at their limit. A key arrives once at most, unless
// the service said that it had done nothing; in the end nothing is held. Each
// seed is another schedule.
func TestKeysReachTheUpstreamOnce(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 5
	}
	arrived := 0
	for _, mode := range []string{"{mode: fixed, limit: 3, queue: {length: 5}}", "{mode: off}, retry: {attempts: 3, perTryTimeout: 300ms, hedge: {after: 5ms}, budget: {minPerSecond: 1000}}"} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s, %d", mode, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { arrived += keyedStampede(t, mode, seed) })
			})
		}
	}
	if arrived < seeds*2*10 {
		t.Errorf("only %d keys arrived at all", arrived)
	}
}

func keyedStampede(t *testing.T, mode string, seed uint64) (arrived int) {
	const keys, requests = 25, 150
	yaml := limited(mode, ", timeout: 900ms, idempotency: {mode: optional, answerLimit: 50B}", "forwarding: {trusted: [192.0.2.1]}")
	a := newArena(t, strings.Replace(yaml, `["$UPSTREAM"]`, `["http://10.0.0.1", "http://10.0.0.2"]`, 1))
	g := a.proxy.o.guard
	g.configure(a.proxy.gen.Load().cfg, time.Now())
	defer g.close()
	random := rand.New(rand.NewPCG(seed, 3))
	for _, e := range a.proxy.gen.Load().upstreams["service"].endpoints {
		breakDials(e, rand.New(rand.NewPCG(seed, 4)), 10, 2)
	}
	stop := a.letGo(20 * time.Millisecond)
	paths := []string{"/", "/slow", "/slow", "/hold", "/hold", "/500", "/503", "/429", "/reset", "/part", "/body", "/events", "/read"}
	path := func(key int) string { return paths[key%len(paths)] }
	var all sync.WaitGroup
	for range requests {
		key := random.IntN(keys)
		wait := time.Duration(random.IntN(1500)) * time.Millisecond
		leaves := time.Duration(random.IntN(600)) * time.Millisecond
		at := max(0, random.IntN(24)-12)
		r := httptest.NewRequest(http.MethodPost, path(key), strings.NewReader("body"))
		r.Header.Set(signals.IdempotencyKeyHeader, fmt.Sprint(key))
		r.Header.Set("X-Name", fmt.Sprint(key))
		if random.IntN(3) == 0 {
			r.Header.Set("X-Envoy-Expected-Rq-Timeout-Ms", fmt.Sprint(random.IntN(200)))
		}
		all.Go(func() {
			takes(wait)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			leave := time.AfterFunc(leaves, cancel)
			defer leave.Stop()
			defer func() { _ = recover() }()
			a.proxy.ServeHTTP(&fragile{h: http.Header{}, at: at}, r.WithContext(ctx))
		})
	}
	all.Wait()
	takes(2 * time.Second) // what goes on without its client ends by the route's timeout
	stop()
	synctest.Wait()

	times := map[string]int{}
	for name := range strings.FieldsSeq(a.names()) {
		times[name]++
	}
	for key := range keys {
		n := times[fmt.Sprint(key)]
		if n > 1 && path(key) != "/429" {
			t.Errorf("key %d (%s) arrived %d times", key, path(key), n)
		}
		arrived += min(n, 1)
	}
	if s := g.status(time.Now()); s == nil || s.Running != 0 || s.Waiting != 0 || s.BodyBytes != 0 {
		t.Errorf("left over: %+v", s)
	}
	if n := a.proxy.inflight.Load(); n != 0 {
		t.Errorf("%d requests are inflight", n)
	}
	return arrived
}
