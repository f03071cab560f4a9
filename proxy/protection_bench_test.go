package proxy

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/benchclient"
	"github.com/levee-proxy/levee/proxy/internal/clients"
)

// BenchmarkProtection is what Levee adds to a request that is passed on, beside
// what any proxy does: metrics, the adaptive limit, the budgets for retries
// made and retries let in, and the storm detector, called as on a real
// request's way, each by itself and all together. Nothing is sent; "nothing" is what the
// benchmark itself takes, and is in the others too. cpu-ns/op is user and system
// time, which a busy machine changes less. The bar for all together is 3 µs.
func BenchmarkProtection(b *testing.B) {
	cfg := parse(b, limited("{mode: adaptive, min: 4096}", "", ""), "http://127.0.0.1:9")
	metrics, err := telemetry.NewMetrics("test")
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(cfg, Options{Metrics: metrics})
	if err != nil {
		b.Fatal(err)
	}
	p.Start()
	defer p.Close()

	r := httptest.NewRequest(http.MethodGet, "/v1/features?account=7", nil)
	r.Header["User-Agent"] = []string{"a client"}
	gen := p.gen.Load()
	conn := connOf(r)
	addresses := make([]netip.Addr, 256)
	for i := range addresses {
		addresses[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
	}
	route := gen.router.find(r.Host, r.URL)
	endpoint := route.upstream.pick(time.Now())
	n := 0
	arrive := func() *exchange {
		n++
		x := p.exchanges.take()
		x.r, x.gen, x.conn, x.route, x.start = r, gen, conn, route, time.Now()
		x.client = addresses[n%len(addresses)]
		x.clientHash = clients.NewIdentity("ip").Hash(r, x.client)
		return x
	}
	release := func(x *exchange) {
		x.values.Release()
		p.exchanges.put(x)
	}

	metered := func(x *exchange) {
		route.metrics.Begin()
		route.upstream.metrics.Attempt(r.Method, http.StatusOK, "", time.Millisecond)
		route.metrics.End(r.Method, conn.scheme, 1, 1, http.StatusOK, "", time.Millisecond)
	}
	detected := func(x *exchange) {
		x.arrive(x.start)
		if x.overBudget(x.start) {
			b.Fatal("a first attempt is over the budget")
		}
	}
	settled := func(x *exchange, now time.Time) {
		x.account.settle(storm.Useful)
		x.account.close(now)
	}
	admitted := func(x *exchange) {
		x.describe(&x.permit.waiter)
		if v := x.permit.acquire(x.start, endpoint); v != limiter.Admitted {
			b.Fatalf("the limit says %v", v)
		}
	}
	returned := func(x *exchange, now time.Time) {
		x.permit.settle(limiter.Ignored, 0)
		x.permit.settle(limiter.Success, max(now.Sub(x.start), noLatency))
		x.permit.end(now)
	}
	budgeted := func(x *exchange, now time.Time) {
		if x.retrying = x.newRetrying(); x.retrying != nil {
			x.retrying.end(now)
		}
	}

	for _, part := range []struct {
		name string
		do   func(x *exchange)
	}{
		{"nothing", func(*exchange) {}},
		{"metrics", metered},
		{"limiter", func(x *exchange) { admitted(x); returned(x, x.start.Add(time.Millisecond)) }},
		{"budgets and detector", func(x *exchange) {
			detected(x)
			now := x.start.Add(time.Millisecond)
			budgeted(x, now)
			settled(x, now)
		}},
		{"together", func(x *exchange) {
			detected(x)
			admitted(x)
			metered(x)
			now := time.Now()
			budgeted(x, now)
			returned(x, now)
			settled(x, now)
		}},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			cpu := benchclient.CPU()
			for b.Loop() {
				x := arrive()
				part.do(x)
				release(x)
			}
			b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}
