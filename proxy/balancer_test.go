package proxy

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// fleet is an upstream of several endpoints on in-memory services.
type fleet struct {
	*Upstream
	down sync.Map // address → true: refuses connections
	bad  sync.Map // address → status that health checks get
}

func (f *fleet) dial(_ context.Context, _, address string) (net.Conn, error) {
	if _, down := f.down.Load(address); down {
		return nil, errors.New("connection refused")
	}
	ours, theirs := pipe()
	feed := newFeed()
	go http.Serve(feed, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, ok := f.bad.Load(address); ok {
			w.WriteHeader(status.(int))
		}
		io.WriteString(w, address+r.URL.Path)
	}))
	feed.give(theirs)
	feed.Close()
	return ours, nil
}

func newFleet(t *testing.T, n int, more string) *fleet {
	t.Helper()
	var eps []string
	for i := range n {
		eps = append(eps, `"http://10.0.0.`+string(rune('1'+i))+`:80"`)
	}
	cfg := parse(t, strings.Replace(simple, `["$UPSTREAM"]`, "["+strings.Join(eps, ",")+"]"+more, 1), "")
	f := &fleet{}
	o := Options{Dial: f.dial}
	o.defaults()
	u, err := newUpstream(cfg.Engine, &cfg.Upstreams[0], cfg.Limits, &o, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Upstream = u
	u.start()
	t.Cleanup(func() { u.retire(); synctest.Wait() })
	return f
}

// spread picks n times at now and returns each endpoint's share.
func (f *fleet) spread(n int, now time.Time) []float64 {
	counts := map[*endpoint]int{}
	for range n {
		counts[f.pick(now)]++
	}
	var shares []float64
	for _, e := range f.endpoints {
		shares = append(shares, float64(counts[e])/float64(n))
	}
	return shares
}

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// TestPickPrefersTheFaster: load goes where latency × inflight is lower.
func TestPickPrefersTheFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, "")
		now := time.Now()
		if s := f.spread(9000, now); !near(s[0], 1./3, .03) || !near(s[1], 1./3, .03) {
			t.Errorf("equal endpoints get %v", s)
		}
		for i, ms := range []int{10, 10, 100} {
			f.endpoints[i].latency.Observe(now, time.Duration(ms)*time.Millisecond)
		}
		if s := f.spread(9000, now); s[2] != 0 {
			t.Errorf("ten times slower gets %v, want nothing while the others are idle", s[2])
		}
		f.endpoints[0].inflight.Store(20)
		f.endpoints[1].inflight.Store(20)
		if s := f.spread(9000, now); !near(s[2], 2./3, .03) {
			t.Errorf("the slower but idle one gets %v, want both of its pairs", s[2])
		}
	})
}

// TestUselessEndpointTakesNoOverflow: what is too much for the others doesn't go
// where it is of no use, but for the little that finds out when it is again.
func TestUselessEndpointTakesNoOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, "")
		bad, busy, now := f.endpoints[0], f.endpoints[1], time.Now()
		for range wastedLeast {
			bad.useless(now, time.Millisecond, "503 Service Unavailable")
		}
		busy.answered(now, 400*time.Millisecond)
		busy.inflight.Store(50)
		for range 16 {
			busy.limiter.Acquire(now, &limiter.Waiter{})
		}
		if s := f.spread(5000, now); s[0] < .05 || s[0] > .3 {
			t.Errorf("an endpoint of no use gets %v, want a little", s[0])
		}
		bad.answered(now, time.Millisecond)
		if s := f.spread(1000, now); s[0] < .9 {
			t.Errorf("it is of use again, has room, and gets %v", s[0])
		}
	})
}

// TestAbandonedEndpointComesBack: an endpoint whose every permit was abandoned is
// asked again when the service is believed to be done with them, though others
// have room all the time.
func TestAbandonedEndpointComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, ", concurrency: {mode: fixed, limit: 4}")
		stuck := f.endpoints[0]
		for range 4 {
			w := &limiter.Waiter{}
			if v := stuck.limiter.Acquire(time.Now(), w); v != limiter.Admitted {
				t.Fatal(v)
			}
			stuck.limiter.End(time.Now().Add(2*time.Second), w, limiter.Late)
		}
		time.Sleep(2 * time.Second)
		if s := f.spread(1000, time.Now()); s[0] != 0 {
			t.Errorf("%v go where there is no room", s[0])
		}
		time.Sleep(10 * time.Second)
		if s := f.spread(1000, time.Now()); !near(s[0], .5, .1) {
			t.Errorf("when the service is done with what was abandoned, %v go there", s[0])
		}
	})
}

// TestEjection walks one endpoint through failures, ejection, return by ramp
// and a longer second ejection.
func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 4, ", ejection: {consecutiveFailures: 3, duration: 10s, maxPercent: 50, ramp: 10s}")
		fail := func(i, times int) {
			for range times {
				f.endpoints[i].failed(time.Now(), 0, "refused")
			}
		}
		share := func() float64 {
			for _, e := range f.endpoints { // equally fast
				e.latency.Observe(time.Now(), time.Second)
			}
			return f.spread(20000, time.Now())[0]
		}
		state := func(i int) string { return f.status(time.Now()).Endpoints[i].State }

		// Two failures, a success, two failures: never three in a row.
		fail(0, 2)
		f.endpoints[0].completed()
		fail(0, 2)
		if state(0) != StateReady {
			t.Fatalf("%s after two failures in a row", state(0))
		}
		fail(0, 1)
		if state(0) != StateEjected {
			t.Fatalf("%s after three failures in a row", state(0))
		}
		if s := f.spread(1000, time.Now()); s[0] != 0 {
			t.Errorf("an ejected endpoint gets %v", s[0])
		}

		// At most half.
		fail(1, 3)
		fail(2, 3)
		if state(1) != StateEjected || state(2) != StateFailing {
			t.Errorf("states %s, %s: half of four may be out", state(1), state(2))
		}

		// Return by ramp: from a tenth of its share to all of it.
		time.Sleep(10*time.Second + time.Millisecond)
		if state(0) != StateRamping {
			t.Fatalf("%s after the ejection", state(0))
		}
		early := share()
		time.Sleep(5 * time.Second)
		middle := share()
		time.Sleep(5 * time.Second)
		full := share()
		if !near(early, .025, .02) || !near(middle, .14, .05) || !near(full, .25, .03) || state(0) != StateReady {
			t.Errorf("shares %v, %v, %v, then %s", early, middle, full, state(0))
		}

		// The second time lasts twice as long.
		fail(0, 3)
		time.Sleep(15 * time.Second)
		if state(0) != StateEjected {
			t.Errorf("%s after 15 s of a second ejection", state(0))
		}
		time.Sleep(6 * time.Second)
		if state(0) != StateRamping {
			t.Errorf("%s after 21 s", state(0))
		}
	})
}

// TestOneFailureIsForgiven: any endpoint fails now and then; one failure costs
// it little and not for long, many in a row cost it everything.
func TestOneFailureIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, ", ejection: {consecutiveFailures: 0}")
		quick := func() {
			for _, e := range f.endpoints[1:] {
				e.latency.Observe(time.Now(), time.Millisecond)
			}
		}
		f.endpoints[0].latency.Observe(time.Now(), time.Millisecond)
		quick()
		f.endpoints[0].failed(time.Now(), 0, "refused")
		time.Sleep(15 * time.Second)
		quick()
		if s := f.spread(1000, time.Now())[0]; s < 0.3 {
			t.Errorf("15 s after one failure it gets %v", s)
		}
		for range 10 {
			f.endpoints[0].failed(time.Now(), 0, "refused")
		}
		time.Sleep(15 * time.Second)
		quick()
		if s := f.spread(1000, time.Now())[0]; s != 0 {
			t.Errorf("15 s after ten failures in a row it gets %v", s)
		}
	})
}

// TestEjectionSparesTheOnlyOne: a lone endpoint is never ejected.
func TestEjectionSparesTheOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, "")
		for range 100 {
			f.endpoints[0].failed(time.Now(), 0, "refused")
		}
		if s := f.status(time.Now()).Endpoints[0].State; s != StateFailing {
			t.Error(s)
		}
	})
}

// TestHealthChecks: an endpoint that fails its checks is left out and comes
// back on a ramp; when all fail, all are used.
func TestHealthChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, ", healthCheck: {path: /healthz, interval: 1s, unhealthyAfter: 3, healthyAfter: 2}")
		states := func() string {
			s := f.status(time.Now()).Endpoints
			return s[0].State + " " + s[1].State
		}
		expect := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := states(); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
		expect(10*time.Second, "ready ready")
		f.down.Store("10.0.0.1:80", true)
		expect(5*time.Second, "unhealthy ready")
		if e := f.status(time.Now()).Endpoints[0]; !strings.Contains(e.Reason, "refused") {
			t.Errorf("reason %q", e.Reason)
		}
		if s := f.spread(100, time.Now()); s[0] != 0 {
			t.Errorf("the unhealthy one gets %v", s[0])
		}
		f.bad.Store("10.0.0.2:80", 503)
		expect(5*time.Second, "unhealthy unhealthy")
		if s := f.spread(1000, time.Now()); !near(s[0], .5, .1) {
			t.Errorf("when all are unhealthy, shares are %v", s)
		}
		f.down.Delete("10.0.0.1:80")
		expect(4*time.Second, "ramping unhealthy")
		f.bad.Delete("10.0.0.2:80")
		expect(20*time.Second, "ready ready")
	})
}

// TestHealthCheckJitter: checks of many proxies don't stay in step.
func TestHealthCheckJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		var mu sync.Mutex
		cfg := parse(t, strings.Replace(simple, `["$UPSTREAM"]`, `["http://10.0.0.1:80"], healthCheck: {path: /, interval: 10s}`, 1), "")
		o := Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			mu.Lock()
			at = append(at, time.Since(begin))
			mu.Unlock()
			return nil, errors.New("down")
		}}
		o.defaults()
		u, _ := newUpstream(cfg.Engine, &cfg.Upstreams[0], cfg.Limits, &o, nil)
		u.start()
		time.Sleep(1000 * time.Second)
		u.retire()
		synctest.Wait()
		if len(at) < 90 || len(at) > 112 {
			t.Errorf("%d checks in 1000 s at 10 s", len(at))
		}
		different := map[time.Duration]bool{}
		for i := 1; i < len(at); i++ {
			gap := at[i] - at[i-1]
			different[gap.Truncate(10*time.Millisecond)] = true
			if gap < 8*time.Second || gap > 12*time.Second {
				t.Errorf("a gap of %v", gap)
			}
		}
		if len(different) < 50 {
			t.Errorf("only %d different gaps", len(different))
		}
	})
}

// TestPoolCap: no more connections than allowed; requests beyond wait for their
// turn in order, and one that leaves its place loses nobody's.
func TestPoolCap(t *testing.T) {
	var open, most atomic.Int64
	release := make(chan struct{})
	up := service(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		open.Add(-1)
	})
	p := start(t, strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 3`, 1), up.URL, Options{})
	var wg sync.WaitGroup
	var ok atomic.Int64
	for i := range 30 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%3 == 2 {
				cancel() // leaves at once, perhaps while it waits
			}
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", p.url, nil)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
				ok.Add(1)
			}
		})
	}
	eventually(t, "three are served", func() bool { return open.Load() == 3 })
	close(release)
	wg.Wait()
	if ok.Load() < 20 || most.Load() > 3 {
		t.Errorf("%d of 20 served, %d at once, want at most 3", ok.Load(), most.Load())
	}
}

// TestPoolIdle: unused connections are closed after the idle time.
func TestPoolIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newVirtual(t, simple, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
		c := n.connect()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		synctest.Wait()
		e := n.proxy.gen.Load().upstreams["service"].endpoints[0]
		if e.pool.Count() != 1 {
			t.Fatalf("%d connections", e.pool.Count())
		}
		time.Sleep(3 * time.Second)
		if e.pool.Count() != 1 {
			t.Error("closed too early")
		}
		time.Sleep(3 * time.Second)
		if e.pool.Count() != 0 {
			t.Error("kept too long")
		}
	})
}

// TestEndpointKinds: each scheme reaches its service, with the Host as configured.
func TestEndpointKinds(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto+" "+r.Host) }
	h2url, _ := h2cService(t, h)
	sock := t.TempDir() + "/s.sock"
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(h)}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	plain := service(t, h).URL
	for _, tc := range []struct{ url, host, want string }{
		{plain, "preserve", "HTTP/1.1 client.example"},
		{plain, "endpoint", "HTTP/1.1 " + strings.TrimPrefix(plain, "http://")},
		{plain, "fixed.example", "HTTP/1.1 fixed.example"},
		{h2url, "preserve", "HTTP/2.0 client.example"},
		{h2url, "endpoint", "HTTP/2.0 " + strings.TrimPrefix(h2url, "h2c://")},
		{"unix:" + sock, "preserve", "HTTP/1.1 client.example"},
		{"unix:" + sock, "endpoint", "HTTP/1.1 localhost"},
	} {
		p := start(t, strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], host: `+tc.host, 1), tc.url, Options{})
		for range 2 { // the second on a kept connection
			req, _ := http.NewRequest("GET", p.url, nil)
			req.Host = "client.example"
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != tc.want {
				t.Errorf("%s, host %s: %q, want %q", tc.url, tc.host, body, tc.want)
			}
		}
	}
}
