package e2e

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// gated is an origin whose answers to /held wait for a gate. It counts what it was asked.
type gated struct {
	address     string
	quick, held atomic.Int64
	open        chan struct{}
}

func newGated(t *testing.T) *gated {
	g := &gated{open: make(chan struct{})}
	g.address = origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/held" {
			g.quick.Add(1)
			return
		}
		g.held.Add(1)
		select {
		case <-g.open:
			fmt.Fprintln(w, "held")
		case <-r.Context().Done():
		}
	})
	return g
}

// hold sends requests that stay in flight until the gate opens, and waits until
// the origin has them all. The errors come when they have ended.
func (g *gated) hold(t *testing.T, client *http.Client, url string, n int) (errors func() []error) {
	t.Helper()
	var (
		mu   sync.Mutex
		all  []error
		done sync.WaitGroup
	)
	before := g.held.Load()
	for range n {
		done.Go(func() {
			if err := fetch(client, url+"/held"); err != nil {
				mu.Lock()
				all = append(all, err)
				mu.Unlock()
			}
		})
	}
	eventually(t, 10*time.Second, "the origin holds the requests", func() bool { return g.held.Load()-before == int64(n) })
	return func() []error {
		done.Wait()
		return all
	}
}

// A stop under load, with every kind of client: who is in flight is answered,
// who comes during the delay is answered, who comes later finds nobody
// listening, and nobody is cut off.
func TestSIGTERMUnderLoad(t *testing.T) {
	id := selfSigned(t)
	clients := []struct {
		name, scheme, tls string
		client            func() *http.Client
	}{
		{"HTTP1", "http", "", http1},
		{"HTTP2", "http", "", http2},
		{"HTTP2TLS", "https", fmt.Sprintf("tls: {certificates: [{certFile: %s, keyFile: %s}]}", id.certFile, id.keyFile), func() *http.Client { return http2TLS(id) }},
	}
	for _, delay := range []time.Duration{0, time.Second} {
		for _, kind := range clients {
			t.Run(fmt.Sprintf("%s/delay %v", kind.name, delay), func(t *testing.T) {
				const held = 20
				g := newGated(t)
				l := start(t, setup{build: watched, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0", %s}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: off}}]
shutdown: {delay: %v, timeout: 20s}
log: {access: errors}
`, kind.tls, g.address, delay)})
				url := kind.scheme + "://" + l.addresses[0]

				inFlight := g.hold(t, kind.client(), url, held)
				busy := hammer(kind.client(), url, 8)
				eventually(t, 10*time.Second, "the load flows", func() bool { return busy.answered.Load() > 100 })

				l.signal(syscall.SIGTERM)
				eventually(t, 5*time.Second, "levee isn't ready any more", func() bool { return !l.ready() })
				if delay > 0 {
					if err := fetch(kind.client(), url); err != nil && !notListening(err) && !neverAccepted(err) {
						t.Errorf("a new connection during the delay: %v", err)
					}
				}
				// The clients end by themselves, when nobody listens any more.
				busy.done.Wait()
				busy.assertNoneFailed(t)
				if n := busy.unaccepted.Load(); n > 8 {
					t.Errorf("%d connections were left in the kernel's queue, want at most the last one of each client", n)
				}
				close(g.open)
				if errors := inFlight(); len(errors) > 0 {
					t.Errorf("%d of %d requests in flight failed, the first with: %v", len(errors), held, errors[0])
				}
				l.wait(0)

				// Clients repeat a GET by themselves when a kept connection closes
				// before the answer. That they didn't have to is seen at the origin.
				answered := busy.answered.Load()
				if extra := g.quick.Load() - answered; extra < 0 || extra > 1 {
					t.Errorf("the origin was asked %d times for %d answers", g.quick.Load(), answered)
				}
			})
		}
	}
}

// SIGINT is a person at a terminal: there is no load balancer to wait for.
func TestSIGINTSkipsTheDelay(t *testing.T) {
	g := newGated(t)
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
shutdown: {delay: 10m, timeout: 10m}
`, g.address)})
	inFlight := g.hold(t, http1(), "http://"+l.addresses[0], 1)
	l.signal(syscall.SIGINT)
	eventually(t, 5*time.Second, "nobody listens", func() bool { return notListening(fetch(http1(), "http://"+l.addresses[0])) })
	close(g.open)
	if errors := inFlight(); len(errors) > 0 {
		t.Error(errors)
	}
	l.wait(0)
}

// What doesn't end within the timeout is cut; that, too, is a stop that was asked for.
func TestDrainEndsAtItsTimeout(t *testing.T) {
	g := newGated(t)
	defer close(g.open)
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
shutdown: {delay: 0s, timeout: 100ms}
`, g.address)})
	inFlight := g.hold(t, http1(), "http://"+l.addresses[0], 1)
	l.signal(syscall.SIGTERM)
	l.wait(0)
	if errors := inFlight(); len(errors) != 1 {
		t.Errorf("%d requests were cut, want 1", len(errors))
	}
}

// Whoever signals twice doesn't want to wait.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	for _, second := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			g := newGated(t)
			defer close(g.open)
			l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
shutdown: {delay: 10m, timeout: 10m}
`, g.address)})
			inFlight := g.hold(t, http1(), "http://"+l.addresses[0], 1)
			l.signal(syscall.SIGTERM)
			eventually(t, 5*time.Second, "levee isn't ready any more", func() bool { return !l.ready() })
			// One that comes within a moment of the first is taken for that again.
			eventually(t, 10*time.Second, "levee has ended", func() bool {
				l.signal(second)
				select {
				case <-l.exited:
					return true
				default:
					return false
				}
			})
			l.wait(1)
			if errors := inFlight(); len(errors) != 1 {
				t.Errorf("%d requests were cut, want 1", len(errors))
			}
		})
	}
}
