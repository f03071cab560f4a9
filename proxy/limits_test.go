package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/listening"
)

// TestRateCapAnswer: 429, how long to wait, and for whom else nothing changes.
func TestRateCapAnswer(t *testing.T) {
	yaml := strings.Replace(simple, "{name: all,", "{name: all, rateLimit: {perClient: {perSecond: 0.1, burst: 1}},", 1) +
		"clients: {identity: \"header:X-Client\"}\n"
	up := newCounting(t)
	p := start(t, yaml, up.url, Options{})
	ask := func(client string) *http.Response {
		req, _ := http.NewRequest("GET", p.url, nil)
		req.Header.Set("X-Client", client)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if r := ask("a"); r.StatusCode != 200 {
		t.Fatalf("answered %d", r.StatusCode)
	}
	r := ask("a")
	wantAnswer(t, r, 429, errDenied)
	if s := r.Header.Get("Retry-After"); s != "10" {
		t.Errorf("Retry-After %q, want 10", s)
	}
	if r := ask("b"); r.StatusCode != 200 {
		t.Errorf("another client was answered %d", r.StatusCode)
	}
	if up.n.Load() != 2 {
		t.Errorf("%d requests reached the upstream", up.n.Load())
	}
}

// TestConnectionCap: connections beyond the cap wait in the backlog and are
// served when another ends.
func TestConnectionCap(t *testing.T) {
	p := start(t, strings.Replace(simple, `"127.0.0.1:0"`, `"127.0.0.1:0", maxConnections: 2`, 1), newCounting(t).url, Options{})
	ask := func(c *raw) int {
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, _ := c.answer("GET")
		return resp.StatusCode
	}
	a, b := dialRaw(t, p), dialRaw(t, p)
	if x, y := ask(a), ask(b); x != 200 || y != 200 {
		t.Fatal(x, y)
	}
	third := dialRaw(t, p) // the kernel completes it; the proxy doesn't take it
	third.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	eventually(t, "the listener is at its cap", func() bool { return p.Status().Listeners[0].AtCap })
	if s := p.Status().Listeners[0]; s.Accepted != 2 || s.Connections != 2 {
		t.Errorf("%+v", s)
	}
	a.Close()
	if resp, _ := third.answer("GET"); resp.StatusCode != 200 {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// TestConnectionRate: connections over the rate are delayed, not refused.
func TestConnectionRate(t *testing.T) {
	p := start(t, strings.Replace(simple, `"127.0.0.1:0"`, `"127.0.0.1:0", connectionRate: {perSecond: 100, burst: 1}`, 1), newCounting(t).url, Options{})
	begin := time.Now()
	for range 6 {
		c := dialRaw(t, p)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, _ := c.answer("GET"); resp.StatusCode != 200 {
			t.Fatalf("answered %d", resp.StatusCode)
		}
	}
	if d := time.Since(begin); d < 49*time.Millisecond {
		t.Errorf("six connections at 100/s took %v", d)
	}
	if s := p.Status().Listeners[0]; s.Delayed == 0 {
		t.Error("none was delayed")
	}
}

// TestMachineNoDescriptors: Accept fails for want of descriptors; the listener
// goes on, and serves when there are some again.
func TestMachineNoDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := &failingListener{feed: newFeed()}
		failing.failures.Store(20)
		l := newListener(&config.Listener{Address: "x"}, failing, listening.NewSlots(10))
		l.own.Resize(10)
		served := make(chan struct{})
		l.engine.Store(&engine{feed: newFeed()})
		go func() {
			<-l.engine.Load().feed.conns
			close(served)
		}()
		go l.serve()
		begin := time.Now()
		_, theirs := pipe()
		failing.give(theirs)
		<-served
		if d := time.Since(begin); d == 0 || d > 20*time.Second {
			t.Errorf("served after %v", d)
		}
		l.close()
	})
}

type failingListener struct {
	*feed
	failures atomic.Int64
}

func (f *failingListener) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: fmt.Errorf("too many open files")}
	}
	return f.feed.Accept()
}

// TestDescriptorBudget: connections to upstreams are bounded, whatever asks for
// them; one too many is a 503 at once, counted, and told.
func TestDescriptorBudget(t *testing.T) {
	hold, arrived := make(chan struct{}), make(chan struct{}, 2)
	up := service(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-hold
	})
	p := start(t, simple, up.URL, Options{})
	p.o.descriptors.Resize(2)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if resp, _ := get(t, p.url); resp.StatusCode != 200 {
				t.Errorf("answered %d", resp.StatusCode)
			}
		})
	}
	<-arrived
	<-arrived
	resp, _ := get(t, p.url)
	wantAnswer(t, resp, 503, errConnectionLimit)
	if s := p.Status(); s.ConnectionsRefused != 1 || s.LastRefused.IsZero() || s.Upstreams[0].Endpoints[0].Failures != 0 {
		t.Errorf("%+v", s)
	}
	close(hold)
	wg.Wait()
	if resp, _ := get(t, p.url); resp.StatusCode != 200 {
		t.Errorf("then answered %d", resp.StatusCode)
	}
	eventually(t, "the budget is given back", func() bool { open, _, _ := p.o.descriptors.Status(); return open <= 2 })
}

// TestMachineLittleMemory: above 95% of the limit new requests are refused,
// below it they are served again.
func TestMachineLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newVirtual(t, simple, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
		var used atomic.Uint64
		n.proxy.memory.Read = func() (uint64, uint64) { return used.Load(), 100 }
		go n.proxy.memory.Watch(n.proxy.base)
		ask := func() *http.Response {
			w := httptest.NewRecorder()
			r, _ := http.NewRequest("GET", "http://h/", nil)
			n.proxy.ServeHTTP(w, r)
			return w.Result()
		}
		for _, tc := range []struct {
			used   uint64
			status int
		}{{50, 200}, {95, 200}, {96, 503}, {94, 200}} {
			used.Store(tc.used)
			time.Sleep(time.Second) // more than one look
			if r := ask(); r.StatusCode != tc.status {
				t.Errorf("at %d%%: answered %d, want %d", tc.used, r.StatusCode, tc.status)
			}
		}
	})
}

// TestMachinePanic: a panic in one request is that request's 500 and nobody
// else's; its stack is logged once.
func TestMachinePanic(t *testing.T) {
	var logged bytes.Buffer
	var mu sync.Mutex
	boom := func(context.Context, string, string) (net.Conn, error) { panic("boom") }
	p := start(t, simple, "http://127.0.0.1:1", Options{
		Dial:   boom,
		Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &logged}, nil)),
	})
	// The pool's dial runs on the request's goroutine for HTTP/1.1 in the
	// transport's own one, so let the panic happen where requests do.
	p.gen.Load().upstreams["service"].endpoints[0].pool.Dial = func(context.Context, bool) (*connections.Conn, error) { panic("boom") }
	for range 5 {
		resp, _ := get(t, p.url)
		wantAnswer(t, resp, 500, errInternal)
	}
	s := p.Status()
	if s.Panics != 5 || s.Inflight != 0 {
		t.Errorf("%d panics, %d inflight", s.Panics, s.Inflight)
	}
	if n := p.gen.Load().upstreams["service"].endpoints[0].inflight.Load(); n != 0 {
		t.Errorf("%d attempts are still inflight", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(logged.String(), "panic in a request"); n != 1 {
		t.Errorf("the stack was logged %d times", n)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// TestMachineClockJumps: what was taken for a ramp or a recheck doesn't come
// from the wall clock.
func TestMachineClockJumps(t *testing.T) {
	now := time.Now()
	jumped := now.Round(0) // without its monotonic reading, as after a jump
	if clock.Since(now) <= 0 {
		t.Error("a moment before the epoch")
	}
	e := &endpoint{up: &Upstream{cfg: &config.Upstream{Ejection: config.Ejection{Ramp: config.Duration(time.Second)}}}}
	e.startRamp(now)
	for _, at := range []time.Time{now.Add(-time.Hour), now, jumped} {
		if s := e.share(at); s < 0 || s > 1 {
			t.Errorf("a share of %v", s)
		}
	}
	x := &exchange{facts: facts{start: now.Add(time.Hour)}}
	if d := sinceStart(x); d != 0 {
		t.Errorf("a duration of %v", d)
	}
}

// TestFloods: what HTTP/2 clients flood a server with ends the connection or
// is bounded, and the proxy's memory and requests stay as they were.
func TestFloods(t *testing.T) {
	up := newCounting(t)
	slow := service(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	yaml := simple + ""
	yaml = strings.Replace(yaml, "routes: [", `routes: [{match: {pathPrefix: /slow}, upstream: slow}, `, 1)
	yaml = strings.Replace(yaml, "upstreams: [", `upstreams: [{name: slow, endpoints: ["`+slow.URL+`"]}, `, 1)
	p := start(t, yaml, up.url, Options{ErrorLog: discardLog})
	request := func(enc *hpack.Encoder, buf *bytes.Buffer, path string) []byte {
		buf.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", path}} {
			enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		return buf.Bytes()
	}
	for name, flood := range map[string]func(fr *http2.Framer, c net.Conn) error{
		"rapid reset": func(fr *http2.Framer, _ net.Conn) error {
			var buf bytes.Buffer
			enc := hpack.NewEncoder(&buf)
			for i := range 50_000 {
				id := uint32(2*i + 1)
				if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: request(enc, &buf, "/slow"), EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
				if err := fr.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		},
		"CONTINUATION": func(fr *http2.Framer, _ net.Conn) error {
			var buf bytes.Buffer
			enc := hpack.NewEncoder(&buf)
			if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: request(enc, &buf, "/"), EndStream: true}); err != nil {
				return err
			}
			for i := range 50_000 {
				buf.Reset()
				enc.WriteField(hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: strings.Repeat("a", 1000), Sensitive: true})
				if err := fr.WriteContinuation(1, false, buf.Bytes()); err != nil {
					return err
				}
			}
			return nil
		},
		"SETTINGS": func(fr *http2.Framer, _ net.Conn) error {
			for range 100_000 {
				if err := fr.WriteSettings(); err != nil {
					return err
				}
			}
			return nil
		},
		"PING": func(fr *http2.Framer, _ net.Conn) error {
			for range 100_000 {
				if err := fr.WritePing(false, [8]byte{}); err != nil {
					return err
				}
			}
			return nil
		},
		"HPACK bomb": func(fr *http2.Framer, _ net.Conn) error {
			var buf bytes.Buffer
			enc := hpack.NewEncoder(&buf)
			for id := uint32(1); id < 2000; id += 2 {
				block := append([]byte(nil), request(enc, &buf, "/")...)
				buf.Reset()
				enc.WriteField(hpack.HeaderField{Name: "bomb", Value: strings.Repeat("a", 3500)})
				block = append(block, buf.Bytes()...)
				for range 4000 { // one byte each, by the table
					block = append(block, 0x80|62)
				}
				if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			c, err := net.Dial("tcp", p.Addrs()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			// A flooder doesn't read: what the proxy answers piles up in sockets only.
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			io.WriteString(c, http2.ClientPreface)
			fr := http2.NewFramer(c, c)
			fr.WriteSettings()
			err = flood(fr, c)
			runtime.GC()
			runtime.ReadMemStats(&after)
			grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if grown > 16<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			resp, _ := get(t, p.url)
			if resp.StatusCode != 200 {
				t.Errorf("others are answered %d", resp.StatusCode)
			}
			c.Close()
			eventually(t, "all requests of the flood are over", func() bool { return p.Status().Inflight == 0 })
			t.Logf("ended with %v; the heap grew by %d KiB", err, grown>>10)
		})
	}
}
