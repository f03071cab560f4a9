package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/connections"
)

// fragile is a client that panics, as a broken handler around it might, at one
// of its calls: 0 is never.
type fragile struct {
	h     http.Header
	calls int
	at    int
}

func (f *fragile) step() {
	if f.calls++; f.calls == f.at {
		panic("a client that panics")
	}
}

func (f *fragile) Header() http.Header             { f.step(); return f.h }
func (f *fragile) Write(p []byte) (int, error)     { f.step(); return len(p), nil }
func (f *fragile) WriteHeader(int)                 { f.step() }
func (f *fragile) FlushError() error               { f.step(); return nil }
func (f *fragile) SetReadDeadline(time.Time) error { return nil }
func (f *fragile) SetWriteDeadline(time.Time) error {
	f.step()
	return nil
}

// TestPermitsAreNeverLost sends requests of all kinds, whose clients leave,
// whose deadlines pass and whose calls panic at any point, to endpoints that
// are slow, broken or gone. At no time is more inflight than the limit; in the
// end nothing is inflight, queued or streaming, and each account with the storm
// detector was closed once. Each seed is another schedule.
func TestPermitsAreNeverLost(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 5
	}
	for _, mode := range []string{"{mode: fixed, limit: 4, streams: 3}", "{mode: fixed, limit: 2, queue: {length: 3}}", "{mode: adaptive, initial: 3, max: 20}"} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s, %d", mode, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { stampede(t, mode, seed) })
			})
		}
	}
}

// breakDials lets an endpoint's dials fail now and then, by chance out of so
// many: one of them panics, and so many others are refused.
func breakDials(e *endpoint, chance *rand.Rand, of, refused int) {
	dial := e.pool.Dial
	var mu sync.Mutex
	e.pool.Dial = func(ctx context.Context, h1only bool) (*connections.Conn, error) {
		mu.Lock()
		what := chance.IntN(of)
		mu.Unlock()
		switch {
		case what == 0:
			e.pool.Forget() // as a real one does that fails
			panic("a dial that panics")
		case what <= refused:
			e.pool.Forget()
			return nil, &connections.DialError{Err: errors.New("refused")}
		}
		return dial(ctx, h1only)
	}
}

// letGo lets requests that the service holds go, one each time, until stop.
func (a *arena) letGo(each time.Duration) (stop func()) {
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case a.release <- struct{}{}:
				takes(each)
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit) }
}

func stampede(t *testing.T, mode string, seed uint64) {
	yaml := limited(mode, ", timeout: 900ms", "forwarding: {trusted: [192.0.2.1]}\npriority: {header: X-Priority}")
	yaml = strings.Replace(yaml, `["$UPSTREAM"]`, `["http://10.0.0.1", "http://10.0.0.2"]`, 1)
	a := newArena(t, yaml)
	u := a.proxy.gen.Load().upstreams["service"]
	accounts := &bookkeeper{detector: u.inbound.detector}
	u.inbound.detector = accounts
	var most atomic.Int64
	over := func() {
		for _, e := range u.endpoints {
			if s := e.limiter.Status(time.Now()); strings.Contains(mode, "fixed") && float64(s.Inflight) > s.Limit {
				most.Store(int64(s.Inflight))
			}
		}
	}
	random := rand.New(rand.NewPCG(seed, 1))
	for _, e := range u.endpoints {
		breakDials(e, rand.New(rand.NewPCG(seed, 2)), 20, 1)
	}
	stop := a.letGo(30 * time.Millisecond)
	paths := []string{"/", "/", "/slow", "/slow", "/hold", "/500", "/503", "/429", "/reset", "/part", "/body", "/events"}
	var all sync.WaitGroup
	for range 150 {
		path := paths[random.IntN(len(paths))]
		wait := time.Duration(random.IntN(1500)) * time.Millisecond
		leaves := time.Duration(random.IntN(3000)) * time.Millisecond
		at := max(0, random.IntN(24)-8)
		var body io.Reader
		if random.IntN(4) == 0 {
			body = strings.NewReader("some body")
		}
		r := httptest.NewRequest("POST", path, body)
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", 1+random.IntN(3))
		r.Header.Set("X-Priority", fmt.Sprint(random.IntN(8)))
		r.Header.Set("X-Envoy-Attempt-Count", fmt.Sprint(random.IntN(3)))
		if random.IntN(3) == 0 {
			r.Header.Set("X-Envoy-Expected-Rq-Timeout-Ms", fmt.Sprint(random.IntN(200)))
		}
		if random.IntN(8) == 0 {
			r.Header.Set("Content-Type", "application/grpc")
		}
		all.Go(func() {
			takes(wait)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			leave := time.AfterFunc(leaves, cancel)
			defer leave.Stop()
			defer func() { _ = recover() }()
			over()
			a.proxy.ServeHTTP(&fragile{h: http.Header{}, at: at}, r.WithContext(ctx))
			over()
		})
	}
	all.Wait()
	stop()
	if n := most.Load(); n > 0 {
		t.Errorf("%d were inflight at once", n)
	}
	takes(time.Second) // the last ticks
	synctest.Wait()
	for _, e := range u.endpoints {
		s := e.limiter.Status(time.Now())
		if s.Inflight != 0 || s.Queued != 0 || e.streams.Load() != 0 || e.waiting.Load() != 0 || e.inflight.Load() != 0 {
			t.Errorf("%d inflight, %d queued (%d wait), %d streams, %d attempts", s.Inflight, s.Queued, e.waiting.Load(), e.streams.Load(), e.inflight.Load())
		}
		if e.ticker.runs {
			t.Error("the ticks go on")
		}
	}
	if n := a.proxy.inflight.Load(); n != 0 {
		t.Errorf("%d requests are inflight", n)
	}
	accounts.balance(t)
}

// TestCancelMeetsAdmission lets clients leave at the very moment at which a
// permit is given to them.
func TestCancelMeetsAdmission(t *testing.T) {
	u := &Upstream{cfg: &parse(t, limited("{mode: fixed, limit: 1}", "", ""), "http://10.0.0.1").Upstreams[0]}
	e := &endpoint{up: u, limiter: limiter.New(limiter.Config{Fixed: 1}, clock.At(0))}
	for range 2000 {
		var holds, waits permit
		if v := holds.acquire(time.Now(), e); v != limiter.Admitted {
			t.Fatal(v)
		}
		if v := waits.acquire(time.Now(), e); v != limiter.Queued {
			t.Fatal(v)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(cancel)
		both.Go(func() { holds.end(time.Now()) })
		waits.wait(ctx)
		waits.end(time.Now())
		both.Wait()
		if s := e.limiter.Status(time.Now()); s.Inflight != 0 || s.Queued != 0 || e.waiting.Load() != 0 {
			t.Fatalf("%d inflight, %d queued", s.Inflight, s.Queued)
		}
	}
}
