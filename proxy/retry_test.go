package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stage is a proxy in virtual time before several endpoints that play a script:
// the first request that comes to any of them gets the first act, and so on.
type stage struct {
	*virtual

	mu      sync.Mutex
	acts    []act
	arrived []arrival
	early   act // of the first request, before its body is read; nil: none
}

type arrival struct {
	endpoint string
	header   http.Header
	body     string
	at       time.Time
}

// act is what an endpoint does with a request. A nil one refuses the connection,
// which takes its turn when it is asked for.
type act http.HandlerFunc

func answers(status int, header ...string) act {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "answer %d", status)
		}
	}
}

func resets(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
func hangs(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

func after(d time.Duration, then act) act {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			then(w, r)
		case <-r.Context().Done():
		}
	}
}

// newStage must be called inside a synctest bubble. Of endpoints there are as
// many as asked for; settings are the upstream's, from retry: on.
func newStage(t *testing.T, endpoints int, route, settings string, acts ...act) *stage {
	f := &stage{acts: acts}
	var urls []string
	feeds := map[string]*feed{}
	for i := range endpoints {
		address := fmt.Sprintf("10.0.0.%d:80", i+1)
		urls = append(urls, `"http://`+address+`"`)
		feeds[address] = newFeed()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(address, w, r) })}
		go server.Serve(feeds[address])
		t.Cleanup(func() { server.Close() })
	}
	yaml := fmt.Sprintf(`
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: service%s}]
upstreams: [{name: service, ejection: {consecutiveFailures: 0}, storm: {mode: off}, endpoints: [%s]%s}]
`, route, strings.Join(urls, ", "), settings)
	f.virtual = newVirtualTo(t, yaml, Options{
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			f.mu.Lock()
			refuse := len(f.acts) > 0 && f.acts[0] == nil
			if refuse {
				f.acts = f.acts[1:]
			}
			f.mu.Unlock()
			if refuse {
				return nil, syscall.ECONNREFUSED
			}
			ours, theirs := pipe()
			feeds[address].give(theirs)
			return ours, nil
		},
	}, func() {})
	guard := f.proxy.o.guard
	guard.configure(f.proxy.gen.Load().cfg, time.Now())
	t.Cleanup(guard.close)
	return f
}

func (f *stage) serve(endpoint string, w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	early := f.early
	f.early = nil
	f.mu.Unlock()
	if early != nil {
		early(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.arrived = append(f.arrived, arrival{endpoint, r.Header, string(body), time.Now()})
	next := act(answers(200))
	if len(f.acts) > 0 {
		next, f.acts = f.acts[0], f.acts[1:]
	}
	f.mu.Unlock()
	next(w, r)
}

// do sends a request and returns the answer's status, header and body. Status
// -1: the connection ended without a sound answer.
func (f *stage) do(request string) (int, http.Header, string) {
	f.t.Helper()
	c := f.connect()
	defer c.Close()
	head, body, _ := strings.Cut(request, "\n\n")
	if body != "" {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	go io.WriteString(c, strings.ReplaceAll(strings.Replace(head, "\n", " HTTP/1.1\nHost: h\n", 1), "\n", "\r\n")+"\r\n\r\n"+body)
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return -1, nil, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return -1, resp.Header, string(text)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// arrivals are the requests that have come.
func (f *stage) arrivals() []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.arrived)
}

func (f *stage) upstream() *Upstream { return f.proxy.gen.Load().upstreams["service"] }

// quiet checks that nothing is held once all is over.
func (f *stage) quiet() {
	f.t.Helper()
	synctest.Wait()
	for _, e := range f.upstream().endpoints {
		if n := e.inflight.Load(); n != 0 {
			f.t.Errorf("%d attempts are inflight at %s after the end", n, e.address)
		}
		if e.limiter != nil {
			if s := e.limiter.Status(time.Now()); s.Inflight != 0 || s.Queued != 0 {
				f.t.Errorf("%d permits are held at %s after the end, %d wait", s.Inflight, e.address, s.Queued)
			}
		}
	}
}

const get503 = "GET /a\n"

// TestRetries walks through what is retried, and what isn't and why.
func TestRetries(t *testing.T) {
	const generous = ", retry: {budget: {percent: 100, minPerSecond: 100}}"
	post := "POST /a\nX: y\n\nbody"
	keyed := "POST /a\nIdempotency-Key: k\n\nbody"
	grpc := "POST /s/M\nContent-Type: application/grpc\n\nbody"
	grpcStatus := func(code string, more ...string) act {
		return answers(200, append(more, "Content-Type: application/grpc", "Grpc-Status: "+code)...)
	}
	for _, test := range []struct {
		name      string
		endpoints int
		settings  string
		request   string
		acts      []act
		status    int
		attempts  int // that reached an endpoint
		givenUp   string
	}{
		// What is retried.
		{"a 503", 2, generous, get503, []act{answers(503)}, 200, 2, ""},
		{"a 502", 2, generous, get503, []act{answers(502)}, 200, 2, ""},
		{"a 504", 2, generous, get503, []act{answers(504)}, 200, 2, ""},
		{"a reset", 2, generous, get503, []act{resets}, 200, 2, ""},
		{"a connection refused", 2, generous, get503, []act{nil}, 200, 1, ""},
		{"twice", 2, generous, get503, []act{resets, answers(503)}, 200, 3, ""},
		{"one endpoint is asked again", 1, generous, get503, []act{answers(503)}, 200, 2, ""},
		{"HEAD", 2, generous, "HEAD /a\n", []act{answers(503)}, 200, 2, ""},
		{"PUT with its body", 2, generous, "PUT /a\nX: y\n\nbody", []act{answers(503)}, 200, 2, ""},
		{"a POST with a key", 2, generous, keyed, []act{answers(503)}, 200, 2, ""},
		{"a POST that was not sent", 2, generous, post, []act{nil}, 200, 1, ""},
		{"a POST that was not sent, twice", 2, generous, post, []act{nil, nil}, 200, 1, ""},
		{"a method that the configuration names", 2, ", retry: {methods: [POST]}", post, []act{answers(503)}, 200, 2, ""},
		{"a status that the configuration names", 2, ", retry: {on: [500]}", get503, []act{answers(500)}, 200, 2, ""},
		{"gRPC that was not sent", 2, generous, grpc, []act{nil}, 200, 1, ""},
		{"gRPC, asked for", 2, generous, grpc, []act{grpcStatus("14", "Grpc-Retry-Pushback-Ms: 5")}, 200, 2, ""},
		{"gRPC of a safe method", 2, ", retry: {methods: [POST]}", grpc, []act{grpcStatus("14")}, 200, 2, ""},
		{"another Levee's refusal, elsewhere", 2, generous, get503, []act{answers(503, "Levee-Shed: overload")}, 200, 2, ""},

		// What isn't.
		{"success", 2, generous, get503, []act{answers(200)}, 200, 1, ""},
		{"a client's mistake", 2, generous, get503, []act{answers(404)}, 404, 1, ""},
		{"a 500", 2, generous, get503, []act{answers(500)}, 500, 1, ""},
		{"a 429", 2, generous, get503, []act{answers(429)}, 429, 1, ""},
		{"a POST", 2, generous, post, []act{answers(503)}, 503, 1, "method"},
		{"a POST that was reset", 2, generous, post, []act{resets}, 502, 1, "method"},
		{"a POST with an empty key", 2, generous, "POST /a\nIdempotency-Key: \n\nbody", []act{answers(503)}, 503, 1, "method"},
		{"a PATCH", 2, generous, "PATCH /a\nX: y\n\nbody", []act{answers(503)}, 503, 1, "method"},
		{"gRPC", 2, generous, grpc, []act{grpcStatus("14")}, 200, 1, "method"},
		{"a method that the configuration leaves out", 2, ", retry: {methods: [GET]}", "PUT /a\nX: y\n\nbody", []act{answers(503)}, 503, 1, "method"},
		{"a large body", 2, ", retry: {bodyLimit: 3B}", "PUT /a\nX: y\n\nbody", []act{answers(503)}, 503, 1, "body_too_large"},
		{"a large body that was not sent", 2, ", retry: {bodyLimit: 3B}", "PUT /a\nX: y\n\nbody", []act{nil}, 200, 1, ""},
		{"a retry", 2, generous, "GET /a\nX-Envoy-Attempt-Count: 2\n", []act{answers(503)}, 503, 1, "chain"},
		{"a retry of gRPC", 2, ", retry: {methods: [POST]}", "POST /s/M\nContent-Type: application/grpc\nGrpc-Previous-Rpc-Attempts: 1\n\nbody", []act{grpcStatus("14")}, 200, 1, "chain"},
		{"a retry, where that is wanted", 2, ", retry: {retryRetries: true}", "GET /a\nX-Envoy-Attempt-Count: 2\n", []act{answers(503)}, 200, 2, ""},
		{"more than so often", 2, generous, get503, []act{answers(503), answers(503), answers(503)}, 503, 3, "attempts"},
		{"not at all", 2, ", retry: {attempts: 0}", get503, []act{answers(503)}, 503, 1, ""},
		{"rate limited", 2, generous, get503, []act{answers(503, "X-Envoy-Ratelimited: true")}, 503, 1, "refused_by_upstream"},
		{"gRPC, refused", 2, ", retry: {methods: [POST]}", grpc, []act{grpcStatus("14", "Grpc-Retry-Pushback-Ms: -1")}, 200, 1, "refused_by_upstream"},
		{"gRPC, unreadable", 2, ", retry: {methods: [POST]}", grpc, []act{grpcStatus("14", "Grpc-Retry-Pushback-Ms: soon")}, 200, 1, "refused_by_upstream"},
		{"another Levee's refusal", 1, generous, get503, []act{answers(503, "Levee-Shed: overload")}, 503, 1, "refused_by_upstream"},
		{"the refusals of all", 2, generous, get503, []act{answers(503, "Levee-Shed: overload"), answers(503, `Proxy-Status: edge; error=connection_limit_reached`)}, 503, 2, "refused_by_upstream"},
		{"a loop", 2, generous, get503, []act{answers(502, `Proxy-Status: levee; error=proxy_loop_detected`)}, 502, 1, "refused_by_upstream"},
		{"what is asked for much later", 2, generous, get503, []act{answers(503, "Retry-After: 60")}, 503, 1, "deadline"},
		{"without a budget", 2, ", retry: {budget: {percent: 0, minPerSecond: 0}}", get503, []act{answers(503)}, 503, 1, "budget"},

		// What the client gets.
		{"the latest answer", 2, generous, get503, []act{answers(502), answers(503), answers(504)}, 504, 3, "attempts"},
		{"an answer rather than none", 2, generous, get503, []act{answers(503), nil, resets}, 503, 2, "attempts"},
		{"Levee's own only where there is none", 2, generous, get503, []act{resets, resets, resets}, 502, 3, "attempts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStage(t, test.endpoints, "", test.settings, test.acts...)
				status, _, body := f.do(test.request)
				if status != test.status {
					t.Errorf("answered %d, want %d", status, test.status)
				}
				if want := fmt.Sprintf("answer %d", status); body != want && len(body) > 0 && !strings.Contains(body, "upstream") {
					t.Errorf("with %q, want %q", body, want)
				}
				f.quiet()
				arrived := f.arrivals()
				if len(arrived) != test.attempts {
					t.Errorf("%d attempts, want %d", len(arrived), test.attempts)
				}
				_, wantBody, _ := strings.Cut(test.request, "\n\n")
				for i, a := range arrived {
					if a.body != wantBody {
						t.Errorf("attempt %d had the body %q, want %q", i+1, a.body, wantBody)
					}
					if i == 1 && test.endpoints == 2 && (len(test.acts) < 2 || test.acts[1] != nil) && a.endpoint == arrived[i-1].endpoint {
						t.Errorf("attempt %d went to the endpoint that had failed", i+1)
					}
				}
				s := f.upstream().retries.status(time.Now())
				var reasons []string
				if s != nil {
					reasons = slices.Collect(maps.Keys(s.GivenUp))
				}
				if got := strings.Join(reasons, " "); got != test.givenUp {
					t.Errorf("given up for %q, want %q", got, test.givenUp)
				}
			})
		})
	}
}

// TestAttemptNumbers: each attempt says which one it is, and goes on counting
// where a proxy before us had got to.
func TestAttemptNumbers(t *testing.T) {
	for _, test := range []struct{ name, request, settings, envoy, grpc string }{
		{"first hand", get503, "", " 2 3", ""},
		{"of a retry", "GET /a\nX-Envoy-Attempt-Count: 3\n", "retryRetries: true", "3 4 5", ""},
		{"gRPC", "POST /s/M\nContent-Type: application/grpc\n\n", "methods: [POST]", " 2 3", " 1 2"},
		{"gRPC, of a retry", "POST /s/M\nContent-Type: application/grpc\nGrpc-Previous-Rpc-Attempts: 1\n\n", "methods: [POST], retryRetries: true", " 3 4", "1 2 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStage(t, 2, "", ", retry: {"+test.settings+"}", resets, resets)
				if status, _, _ := f.do(test.request); status != 200 {
					t.Fatalf("answered %d", status)
				}
				f.quiet()
				var envoy, grpc []string
				for _, a := range f.arrivals() {
					envoy = append(envoy, a.header.Get("X-Envoy-Attempt-Count"))
					grpc = append(grpc, a.header.Get("Grpc-Previous-Rpc-Attempts"))
				}
				if got := strings.Join(envoy, " "); got != test.envoy {
					t.Errorf("x-envoy-attempt-count: %s, want %s", got, test.envoy)
				}
				if got := strings.TrimRight(strings.Join(grpc, " "), " "); got != test.grpc {
					t.Errorf("grpc-previous-rpc-attempts: %q, want %q", got, test.grpc)
				}
			})
		})
	}
}

// TestPauses holds the time between attempts to what the configuration and the
// answers say.
func TestPauses(t *testing.T) {
	for _, test := range []struct {
		name, settings string
		first          act
		least, most    time.Duration
	}{
		{"full jitter below the base", "", answers(503), 0, 26 * time.Millisecond},
		{"another base", "backoff: {base: 10s, max: 10s}", answers(503), 0, 11 * time.Second},
		{"as the answer asks", "", answers(503, "Retry-After: 2"), 2 * time.Second, 2*time.Second + 26*time.Millisecond},
		{"at once, says the answer", "", answers(503, "Retry-After: 0"), 0, 26 * time.Millisecond},
		{"what can't be read is left", "", answers(503, "Retry-After: soon"), 0, 26 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			longest := time.Duration(0)
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					f := newStage(t, 2, "", ", retry: {"+test.settings+"}", test.first)
					if status, _, _ := f.do(get503); status != 200 {
						t.Fatalf("answered %d", status)
					}
					d := f.arrivals()[1].at.Sub(f.arrivals()[0].at)
					if d < test.least || d > test.most {
						t.Errorf("waited %v, want from %v to %v", d, test.least, test.most)
					}
					longest = max(longest, d-test.least)
				})
			}
			if longest < (test.most-test.least)/4 {
				t.Errorf("of 20 pauses the longest is %v: there is little jitter", longest)
			}
		})
	}
}

// TestPauseAndDeadline: a pause is cut so that there is time for the answer, and
// one that would be too long isn't begun.
func TestPauseAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, ", timeout: 1s", ", retry: {attempts: 10, backoff: {base: 1m, max: 10m}}", answers(503), answers(503), answers(503))
		begun := time.Now()
		if status, _, _ := f.do(get503); status != 200 || time.Since(begun) >= time.Second {
			t.Errorf("answered %d after %v", status, time.Since(begun))
		}
		f.quiet()
	})
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, ", timeout: 1s", "", answers(503, "Retry-After: 1"))
		begun := time.Now()
		if status, h, _ := f.do(get503); status != 503 || h.Get("Retry-After") != "1" || time.Since(begun) > 0 {
			t.Errorf("answered %d %v after %v, want the upstream's 503 at once", status, h, time.Since(begun))
		}
		if got := f.upstream().retries.status(time.Now()).GivenUp["deadline"]; got != 1 {
			t.Errorf("%d given up for the deadline, want 1", got)
		}
		f.quiet()
	})
}

// TestWaitingHoldsOnlyBudget: while a retry is waited for, its budget is taken
// and its permit is not; both are given back when the client leaves.
func TestWaitingHoldsOnlyBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, "", ", retry: {budget: {percent: 0, minPerSecond: 0.1}}", answers(503, "Retry-After: 5"), answers(503))
		c := f.connect()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		takes(time.Second)
		f.quiet() // nothing is inflight, no permit held
		if left := f.upstream().retries.budget.Left(time.Now()); left >= 1 {
			t.Errorf("%v left in the budget while the only retry waits", left)
		}
		if status, _, _ := f.do(get503); status != 503 {
			t.Errorf("answered %d, want 503 for want of budget", status)
		}
		c.Close()
		takes(250 * time.Millisecond) // the lean engine notices within that
		if left := f.upstream().retries.budget.Left(time.Now()); left < 1 {
			t.Errorf("%v left in the budget after the client has left, want what was reserved", left)
		}
		f.quiet()
		if len(f.arrivals()) != 2 {
			t.Errorf("%d attempts, want 2 first ones", len(f.arrivals()))
		}
		if got := f.upstream().retries.status(time.Now()).GivenUp; got["ended"] != 1 || got["budget"] != 1 {
			t.Errorf("given up: %v", got)
		}
	})
}

// TestNoRoomForARetry: a retry doesn't queue where others wait for their first.
func TestNoRoomForARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hold := func(w http.ResponseWriter, _ *http.Request) { <-release }
		f := newStage(t, 2, "", ", concurrency: {mode: fixed, limit: 1}, retry: {budget: {percent: 0, minPerSecond: 0.1}}", hold)
		var wg sync.WaitGroup
		wg.Go(func() { f.do("GET /hold\n") }) // takes one endpoint's only permit
		synctest.Wait()
		f.mu.Lock()
		f.acts = append(f.acts, answers(503)) // of the other
		f.mu.Unlock()
		status, _, body := f.do(get503)
		if status != 503 || body != "answer 503" {
			t.Errorf("answered %d %q, want the first answer", status, body)
		}
		r := f.upstream().retries
		if got := r.status(time.Now()).GivenUp["limit"]; got != 1 {
			t.Errorf("%d given up for the limit, want 1", got)
		}
		if left := r.budget.Left(time.Now()); left < 1 {
			t.Errorf("%v left in the budget, want what was reserved back", left)
		}
		close(release)
		wg.Wait()
		f.quiet()
	})
}

// TestPerTryTimeout: an attempt that stays silent is ended, and another one made.
func TestPerTryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, "", ", retry: {perTryTimeout: 300ms}", hangs)
		begun := time.Now()
		if status, _, _ := f.do(get503); status != 200 || time.Since(begun) < 300*time.Millisecond || time.Since(begun) > 330*time.Millisecond {
			t.Errorf("answered %d after %v", status, time.Since(begun))
		}
		f.quiet()
	})
	synctest.Test(t, func(t *testing.T) { // nothing is left to try
		f := newStage(t, 2, "", ", retry: {attempts: 0, perTryTimeout: 300ms}", hangs)
		begun := time.Now()
		status, h, _ := f.do(get503)
		if status != 504 || time.Since(begun) != 300*time.Millisecond || !strings.Contains(h.Get("Proxy-Status"), "http_response_timeout") {
			t.Errorf("answered %d %v after %v", status, h, time.Since(begun))
		}
		f.quiet()
	})
	synctest.Test(t, func(t *testing.T) { // an answer that has begun may take its time
		f := newStage(t, 2, "", ", retry: {perTryTimeout: 300ms}", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "slow")
			http.NewResponseController(w).Flush()
			takes(time.Minute)
			io.WriteString(w, "ly")
		})
		if status, _, body := f.do(get503); status != 200 || body != "slowly" {
			t.Errorf("answered %d %q", status, body)
		}
		f.quiet()
	})
	synctest.Test(t, func(t *testing.T) { // a client that sends slowly is not the endpoint's silence
		f := newStage(t, 2, "", ", retry: {perTryTimeout: 300ms}")
		c := f.connect()
		io.WriteString(c, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
		for range 4 {
			takes(250 * time.Millisecond)
			io.WriteString(c, "x")
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 || len(f.arrivals()) != 1 || f.arrivals()[0].body != "xxxx" {
			t.Errorf("answered %v, %v; %d attempts", resp, err, len(f.arrivals()))
		}
		c.Close()
		f.quiet()
	})
}

// TestKeptAnswers: an answer that is an error is taken off its connection before
// the retry, even where there is only one; a slow one is kept all the same, and
// one that breaks off is none.
func TestKeptAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 1, "", ", maxConnections: 1, retry: {attempts: 1}", answers(503), answers(503, "X-Second: yes"))
		status, h, body := f.do(get503)
		if status != 503 || h.Get("X-Second") != "yes" || body != "answer 503" {
			t.Errorf("answered %d %v %q", status, h, body)
		}
		if n := f.upstream().endpoints[0].pool.Count(); n != 1 {
			t.Errorf("%d connections, want the one that is used again", n)
		}
		f.quiet()
	})
	large := strings.Repeat("x", keptAnswer+1000)
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, "", ", retry: {attempts: 1}", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			io.WriteString(w, large)
		}, nil)
		if status, _, body := f.do(get503); status != 503 || body != large {
			t.Errorf("answered %d with %d bytes, want 503 with %d", status, len(body), len(large))
		}
		f.quiet()
	})
	// What is slow comes while the next attempt is made, and after.
	slowly := func(took time.Duration, end act) act {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Last")
			w.WriteHeader(503)
			io.WriteString(w, "slow")
			http.NewResponseController(w).Flush()
			after(took, end)(w, r)
		}
	}
	ends := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ly")
		w.Header().Set("X-Last", "yes")
	}
	for _, c := range []struct {
		name        string
		first, then act
		status      int
		body        string
		least, most time.Duration
	}{
		{"comes before the next attempt's end", slowly(keptWithin+time.Second, ends), after(2*time.Second, resets), 503, "slowly", 3 * time.Second, 4 * time.Second},
		{"comes after it", slowly(keptWithin+5*time.Second, ends), resets, 503, "slowly", 6 * time.Second, 7 * time.Second},
		{"breaks off meanwhile", slowly(keptWithin+time.Second, resets), after(2*time.Second, resets), 502, "", 3 * time.Second, 4 * time.Second},
		{"isn't needed", slowly(time.Hour, ends), answers(200), 200, "answer 200", keptWithin, keptWithin + time.Second},
		{"is as bad as the next", slowly(time.Hour, ends), answers(504), 504, "answer 504", keptWithin, keptWithin + time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newStage(t, 2, "", ", retry: {attempts: 1}", c.first, c.then)
			begun := time.Now()
			status, _, body := f.do(get503)
			if took := time.Since(begun); status != c.status || c.body != "" && body != c.body || took < c.least || took > c.most {
				t.Errorf("%s: answered %d %q after %v", c.name, status, body, took)
			}
			f.quiet()
		})
	}
}

// TestEarlyAnswerIsRetried: an answer that comes while the client still sends its
// body doesn't lose what was sent.
func TestEarlyAnswerIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStage(t, 2, "", "")
		f.early = func(w http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.WriteHeader(503)
		}
		c := f.connect()
		io.WriteString(c, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nfirst")
		takes(time.Second)
		io.WriteString(c, "end")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("answered %v, %v", resp, err)
		}
		arrived := f.arrivals()
		got := arrived[len(arrived)-1].body
		if got != "firstend" {
			t.Errorf("the second attempt had the body %q", got)
		}
		c.Close()
		f.quiet()
	})
}

// TestGuardedKeysAreSentOnce: where the guard promises that a key reaches the
// upstream once, only what was surely not processed is sent again.
func TestGuardedKeysAreSentOnce(t *testing.T) {
	const request = "POST /a\nIdempotency-Key: k\n\nbody"
	for _, test := range []struct {
		name     string
		acts     []act
		status   int
		attempts int
	}{
		{"not sent", []act{nil, nil}, 200, 1},
		{"reset", []act{resets}, 502, 1},
		{"a 503", []act{answers(503)}, 503, 1},
		{"another Levee's refusal", []act{answers(503, "Levee-Shed: overload")}, 503, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, 2, ", idempotency: {mode: required}", ", retry: {hedge: {after: 1ms}, methods: [GET, POST]}", test.acts...)
				status, _, _ := s.do(request)
				arrived := s.arrivals()
				if status != test.status || len(arrived) != test.attempts || arrived[0].body != "body" {
					t.Errorf("answered %d after %d attempts, want %d after %d", status, len(arrived), test.status, test.attempts)
				}
				if got := arrived[0].header.Get(guardedHeader); got != "true" {
					t.Errorf("what stands behind is told %q", got)
				}
				s.quiet()
			})
			synctest.Test(t, func(t *testing.T) { // behind a Levee that guards it
				s := newStage(t, 2, "", ", retry: {hedge: {after: 1ms}, methods: [GET, POST]}", test.acts...)
				status, _, _ := s.do(strings.Replace(request, "\n", "\nLevee-Guarded: true\n", 1))
				if arrived := s.arrivals(); status != test.status || len(arrived) != test.attempts || arrived[0].header.Get(guardedHeader) != "true" {
					t.Errorf("behind a guard: answered %d after %d attempts, want %d after %d", status, len(arrived), test.status, test.attempts)
				}
				s.quiet()
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // what has no key isn't guarded, whatever it says
		s := newStage(t, 2, "", ", retry: {attempts: 1}", resets)
		if status, _, _ := s.do("GET /a\nLevee-Guarded: true\n"); status != 200 || len(s.arrivals()) != 2 {
			t.Errorf("without a key: answered %d after %d attempts", status, len(s.arrivals()))
		}
		s.quiet()
	})
}
