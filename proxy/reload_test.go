package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReloadWholeOrNotAtAll: a configuration of which any part can't be used
// changes nothing.
func TestReloadWholeOrNotAtAll(t *testing.T) {
	a, b := newCounting(t), newCounting(t)
	p := start(t, simple, a.url, Options{})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, yaml := range map[string]string{
		"an address in use": strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0"}, {address: "`+taken.Addr().String()+`"}`, 1),
		"no certificate":    tlsListener(t.TempDir(), ""),
		"no authority":      strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], tls: {caFile: /does/not/exist}`, 1),
	} {
		if err := p.Reload(parse(t, yaml, b.url)); err == nil {
			t.Errorf("%s: taken", name)
		}
		if resp, _ := get(t, p.url); resp.StatusCode != 200 || b.n.Load() != 0 {
			t.Errorf("%s: answered %d, and the new upstream got %d requests", name, resp.StatusCode, b.n.Load())
		}
	}
	if err := p.Reload(parse(t, simple, b.url)); err != nil {
		t.Fatal(err)
	}
	if get(t, p.url); b.n.Load() != 1 {
		t.Error("the new configuration isn't in force")
	}
}

// TestReloadKeepsWhatStays: an upstream that stays as it is keeps its
// connections and what it learned, though everything around it changes; a
// request in flight finishes on the configuration that it began with.
func TestReloadKeepsWhatStays(t *testing.T) {
	hold, arrived := make(chan struct{}), make(chan struct{}, 1)
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-hold
		}
		io.WriteString(w, "old")
	})
	other := service(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "new") })
	p := start(t, simple, up.URL, Options{})
	get(t, p.url)
	before := p.gen.Load().upstreams["service"]
	latency := before.endpoints[0].latency.Get(time.Now())

	answer := make(chan string)
	go func() {
		_, body := get(t, p.url+"/slow")
		answer <- body
	}()
	<-arrived
	yaml := strings.Replace(simple, "routes: [{name: all, upstream: service}]", `routes: [{name: x, match: {pathPrefix: /x}, upstream: service}, {name: y, upstream: other}]`, 1)
	yaml = strings.Replace(yaml, "upstreams: [", `upstreams: [{name: other, endpoints: ["`+other.URL+`"]}, `, 1)
	if err := p.Reload(parse(t, yaml, up.URL)); err != nil {
		t.Fatal(err)
	}
	if after := p.gen.Load().upstreams["service"]; after != before || latency == 0 {
		t.Error("the upstream was made anew")
	}
	if _, body := get(t, p.url); body != "new" {
		t.Errorf("a new request got %q", body)
	}
	close(hold)
	if body := <-answer; body != "old" {
		t.Errorf("the request in flight got %q", body)
	}

	// A changed upstream is made anew, with the latencies of addresses that stay.
	yaml = strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 7`, 1)
	if err := p.Reload(parse(t, yaml, up.URL)); err != nil {
		t.Fatal(err)
	}
	if e := p.gen.Load().upstreams["service"].endpoints[0]; e.latency.Get(time.Now()) == 0 {
		t.Error("the latency was forgotten")
	}
	eventually(t, "the old upstream's connections are closed", func() bool { return before.endpoints[0].pool.Count() == 0 })
}

// TestReloadListeners: new ones are served, removed ones close, changed
// settings hold for new connections, and no request fails meanwhile.
func TestReloadListeners(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	sock := t.TempDir() + "/l.sock"
	overSocket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", sock)
	}, DisableKeepAlives: true}}
	// Another idle timeout, to make it another engine's socket: one so long that a
	// client who gets no processor for a while isn't idle for that.
	with := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {idle: 20s}}, {address: "unix:`+sock+`"}`, 1)

	stop, failed := load(t, p.url, 4)
	for range 20 {
		if err := p.Reload(parse(t, with, up.url)); err != nil {
			t.Fatal(err)
		}
		resp, err := overSocket.Get("http://h/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := p.Reload(parse(t, simple, up.url)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(sock); err == nil {
			t.Fatal("the removed listener's socket is still there")
		}
	}
	served := stop()
	if n := failed(); n != 0 || served == 0 {
		t.Errorf("%d of %d requests failed", n, served)
	}
}

// load asks url from several clients at once until stop, which returns how
// many answers there were. Every connection is kept as long as the proxy wants.
func load(t *testing.T, url string, clients int) (stop func() int64, failed func() int64) {
	var ok, bad atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			c := &http.Client{Transport: tr}
			for {
				select {
				case <-done:
					return
				default:
				}
				// A POST without a key: net/http's client wouldn't send it again by itself.
				resp, err := c.Post(url, "text/plain", strings.NewReader("x"))
				if err != nil {
					t.Log(err)
					bad.Add(1)
					continue
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
					t.Log(resp.StatusCode, resp.Header.Get("Proxy-Status"), err)
					bad.Add(1)
				} else {
					ok.Add(1)
				}
				resp.Body.Close()
			}
		})
	}
	return func() int64 {
		close(done)
		wg.Wait()
		return ok.Load()
	}, bad.Load
}

// TestReloadLeaksNothing: after many reloads under load no goroutine and no
// connection is left over.
func TestReloadLeaksNothing(t *testing.T) {
	up := newCounting(t)
	checked := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], healthCheck: {path: /}, maxConnections: 50`, 1)
	p := start(t, simple, up.url, Options{})
	get(t, p.url)
	http.DefaultClient.CloseIdleConnections()
	base := runtime.NumGoroutine()
	stop, failed := load(t, p.url, 2)
	for i := range 100 {
		yaml := simple
		if i%2 == 0 {
			yaml = checked
		}
		if err := p.Reload(parse(t, yaml, up.url)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if n := failed(); n != 0 {
		t.Errorf("%d requests failed", n)
	}
	eventually(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= base+4 })
}

// TestDrain: under load, nothing that was accepted fails; what is in flight
// finishes, clients are told to connect anew, and new ones are refused.
func TestDrain(t *testing.T) {
	for _, delay := range []time.Duration{0, 100 * time.Millisecond} {
		hold := make(chan struct{})
		up := service(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-hold
			}
			io.Copy(w, r.Body)
		})
		p := start(t, simple, up.URL, Options{})
		if !p.Ready() {
			t.Fatal("not ready")
		}
		slow := make(chan int)
		go func() {
			resp, _ := get(t, p.url+"/slow")
			slow <- resp.StatusCode
		}()
		quiet := dialRaw(t, p)
		quiet.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		quiet.answer("GET")
		eventually(t, "the slow request is in flight", func() bool { return p.Status().Inflight == 1 })

		drained := make(chan error)
		go func() { drained <- p.Drain(t.Context(), delay) }()
		eventually(t, "not ready", func() bool { return !p.Ready() && p.Draining() })
		quiet.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, _ := quiet.answer("GET"); resp.StatusCode != 200 || !resp.Close {
			t.Errorf("a kept connection was answered %d, close %v", resp.StatusCode, resp.Close)
		}
		eventually(t, "new connections are refused", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		close(hold)
		if status := <-slow; status != 200 {
			t.Errorf("the request in flight was answered %d", status)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	}
}

// TestDrainCutsWhatLasts: when the drain time is over, streams and tunnels are cut and told of.
func TestDrainCutsWhatLasts(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	p := start(t, simple, up.URL, Options{})
	resp, err := http.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Drain(ctx, 0); err == nil || !strings.Contains(err.Error(), "1 request") {
		t.Errorf("drained with %v", err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stream looks complete")
	}
}
