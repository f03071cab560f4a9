package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/connections"
)

// TestHedges lets the first attempt be slow, and looks who wins and what it costs.
func TestHedges(t *testing.T) {
	const hedge = "hedge: {after: 100ms}, budget: {percent: 0, minPerSecond: 0.1}"
	slow := after(time.Second, answers(200, "X-From: first"))
	for _, test := range []struct {
		name, settings, request string
		endpoints               int
		acts                    []act
		status                  int
		from                    string
		took                    time.Duration
		attempts                int
		hedges                  string
		left                    bool // budget, in the end
	}{
		{"the hedge wins", hedge, get503, 2, []act{slow, after(50*time.Millisecond, answers(200, "X-From: hedge"))}, 200, "hedge", 150 * time.Millisecond, 2, "won", false},
		{"the first one wins after all", hedge, get503, 2, []act{slow, hangs}, 200, "first", time.Second, 2, "lost", false},
		{"quick enough", hedge, get503, 2, []act{after(99*time.Millisecond, answers(200, "X-From: first"))}, 200, "first", 99 * time.Millisecond, 1, "", true},
		{"the hedge fails first", hedge, get503, 2, []act{slow, resets}, 200, "first", time.Second, 2, "lost", false},
		{"the first one fails first", hedge, get503, 2, []act{after(200*time.Millisecond, resets), after(300*time.Millisecond, answers(200, "X-From: hedge"))}, 200, "hedge", 400 * time.Millisecond, 2, "won", false},
		{"no other endpoint", hedge, get503, 1, []act{slow}, 200, "first", time.Second, 1, "no_endpoint", true},
		{"another method", hedge, "POST /a\nIdempotency-Key: k\n\nbody", 2, []act{slow}, 200, "first", time.Second, 1, "", true},
		{"a body", hedge, "PUT /a\nX: y\n\nbody", 2, []act{slow, answers(200, "X-From: hedge")}, 200, "hedge", 100 * time.Millisecond, 2, "won", false},
		{"a large body", hedge + ", bodyLimit: 3B", "PUT /a\nX: y\n\nbody", 2, []act{slow}, 200, "first", time.Second, 1, "", true},
		{"a retry", hedge, "GET /a\nX-Envoy-Attempt-Count: 2\n", 2, []act{slow}, 200, "first", time.Second, 1, "", true},
		{"without a budget", "hedge: {after: 100ms}, budget: {percent: 0, minPerSecond: 0}", get503, 2, []act{slow}, 200, "first", time.Second, 1, "budget", false},
		{"without retries", hedge + ", attempts: 0", get503, 2, []act{slow, answers(200, "X-From: hedge")}, 200, "hedge", 100 * time.Millisecond, 2, "won", false},
		{"both fail", hedge + ", attempts: 0", get503, 2, []act{after(200*time.Millisecond, answers(502, "X-From: first")), after(200*time.Millisecond, answers(503, "X-From: hedge"))}, 503, "hedge", 300 * time.Millisecond, 2, "won", false},
		{"before the percentile is known", "hedge: {after: p95}", get503, 2, []act{slow}, 200, "first", time.Second, 1, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, test.endpoints, "", ", retry: {"+test.settings+"}", test.acts...)
				begun := time.Now()
				status, h, _ := s.do(test.request)
				if took := time.Since(begun); status != test.status || h.Get("X-From") != test.from || took != test.took {
					t.Errorf("answered %d by the %s after %v, want %d by the %s after %v", status, h.Get("X-From"), took, test.status, test.from, test.took)
				}
				s.quiet()
				arrived := s.arrivals()
				if len(arrived) != test.attempts {
					t.Fatalf("%d attempts, want %d", len(arrived), test.attempts)
				}
				if test.attempts == 2 {
					first, second := arrived[0], arrived[1]
					if first.endpoint == second.endpoint || first.body != second.body || second.header.Get("X-Envoy-Attempt-Count") != "2" {
						t.Errorf("the hedge of %s with %q went to %s with %q, %v", first.endpoint, first.body, second.endpoint, second.body, second.header)
					}
				}
				r := s.upstream().retries
				var hedges []string
				for what := range r.status(time.Now()).Hedges {
					hedges = append(hedges, what)
				}
				if got := strings.Join(hedges, " "); got != test.hedges {
					t.Errorf("hedges: %q, want %q", got, test.hedges)
				}
				if left := r.budget.Left(time.Now()) >= 1; left != test.left {
					t.Errorf("budget is left: %v, want %v", left, test.left)
				}
			})
		})
	}
}

// TestHedgeAfterP95 learns the percentile, and then hedges what takes longer.
func TestHedgeAfterP95(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acts []act
		for range 40 {
			acts = append(acts, after(10*time.Millisecond, answers(200)))
		}
		acts = append(acts, hangs, answers(200, "X-From: hedge"))
		s := newStage(t, 2, "", ", retry: {hedge: {after: p95}}", acts...)
		for range 40 {
			s.do(get503)
		}
		begun := time.Now()
		_, h, _ := s.do(get503)
		if took := time.Since(begun); h.Get("X-From") != "hedge" || took < 9*time.Millisecond || took > 13*time.Millisecond {
			t.Errorf("answered by %q after %v, want by the hedge after about 10ms", h.Get("X-From"), took)
		}
		s.quiet()
	})
}

// TestHedgeNeedsRoom: a hedge takes nobody's place.
func TestHedgeNeedsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := after(time.Minute, answers(200))
		s := newStage(t, 2, "", ", concurrency: {mode: fixed, limit: 1}, retry: {hedge: {after: 10ms}, budget: {percent: 0, minPerSecond: 0.1}}", long, long)
		var wg sync.WaitGroup
		wg.Go(func() { s.do("PATCH /a\n") }) // has one endpoint's only permit, and isn't hedged
		takes(time.Millisecond)
		wg.Go(func() { s.do(get503) })
		takes(time.Second)
		if got := s.upstream().retries.status(time.Now()).Hedges["limit"]; got != 1 {
			t.Errorf("%d hedges not sent for the limit, want 1", got)
		}
		if left := s.upstream().retries.budget.Left(time.Now()); left < 1 {
			t.Errorf("%v left in the budget, want all of it", left)
		}
		wg.Wait()
		s.quiet()
	})
}

// TestHedgeLoserIsLate: the service may still be at work on what nobody waits for.
func TestHedgeLoserIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := after(time.Minute, answers(200))
		s := newStage(t, 2, "", ", retry: {hedge: {after: 10ms}}", slow, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "begins")
			http.NewResponseController(w).Flush()
			takes(10 * time.Second)
		})
		var wg sync.WaitGroup
		wg.Go(func() { s.do(get503) })
		takes(time.Second)
		// The winner's answer still runs, and the loser's permit is back already.
		loser := s.arrivals()[0].endpoint
		for _, e := range s.upstream().endpoints {
			st := e.limiter.Status(time.Now())
			if held := st.Inflight > 0; e.address == loser && held {
				t.Errorf("the loser holds its permit while the winner's answer runs")
			}
			if n := e.failures.Load(); n != 0 {
				t.Errorf("%s has %d failures: nobody is to blame for a race that was lost", e.address, n)
			}
		}
		wg.Wait()
		s.quiet()
	})
}

// TestHedgesThatPanic: a panic in either attempt ends that request with a 500, or
// not even that, and never the process.
func TestHedgesThatPanic(t *testing.T) {
	for name, test := range map[string]struct {
		panics int64 // which dial
		first  act
		status int
	}{
		"the first attempt":                      {1, nil, 500},
		"the hedge":                              {2, hangs, 500},
		"the hedge, when the other has answered": {3, after(200*time.Millisecond, answers(200)), 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 2, "", ", retry: {attempts: 0, hedge: {after: 100ms}}", test.first)
				if test.first == nil {
					s.acts = nil
				}
				var dials atomic.Int64
				for _, e := range s.upstream().endpoints {
					dial := e.pool.Dial
					e.pool.Dial = func(ctx context.Context, h1only bool) (*connections.Conn, error) {
						switch n := dials.Add(1); {
						case n == test.panics:
						case n == 2 && test.panics == 3:
							<-ctx.Done() // it has lost
						default:
							return dial(ctx, h1only)
						}
						e.pool.Forget() // as a real one does that fails
						panic("a dial that panics")
					}
				}
				if status, _, _ := s.do(get503); status != test.status {
					t.Errorf("answered %d, want %d", status, test.status)
				}
				s.quiet()
				if n := s.proxy.panics.Load(); n != 1 {
					t.Errorf("%d panics counted, want 1", n)
				}
			})
		})
	}
}
