package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// TestRefusalBytes shows a refusal as it goes over the wire of HTTP/1.1, to
// several requests on one connection, which stays.
func TestRefusalBytes(t *testing.T) {
	const date = "Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n" // when virtual time begins
	for _, test := range []struct{ name, more, method, want string }{
		{"503", "", "GET", "HTTP/1.1 503 Service Unavailable\r\n" +
			"Content-Length: 74\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n" +
			"Levee-Shed: queue_full\r\n" +
			`Proxy-Status: levee; error=connection_limit_reached; details="the service is at its limit, and as many wait as may"` + "\r\n" +
			"X-Content-Type-Options: nosniff\r\n" +
			"X-Request-Id: 1234567890\r\n" +
			date +
			"\r\nService Unavailable: the service is at its limit, and as many wait as may\n"},
		{"429", ", refuseWith: 429", "POST", "HTTP/1.1 429 Too Many Requests\r\n" +
			"Content-Length: 72\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n" +
			"Levee-Shed: queue_full\r\n" +
			`Proxy-Status: levee; error=connection_limit_reached; details="the service is at its limit, and as many wait as may"` + "\r\n" +
			"X-Content-Type-Options: nosniff\r\n" +
			"X-Request-Id: 1234567890\r\n" +
			date +
			"\r\nToo Many Requests: the service is at its limit, and as many wait as may\n"},
		{"HEAD", "", "HEAD", "HTTP/1.1 503 Service Unavailable\r\n" +
			"Content-Length: 74\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n" +
			"Levee-Shed: queue_full\r\n" +
			`Proxy-Status: levee; error=connection_limit_reached; details="the service is at its limit, and as many wait as may"` + "\r\n" +
			"X-Content-Type-Options: nosniff\r\n" +
			"X-Request-Id: 1234567890\r\n" +
			date + "\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}"+test.more+"}, storm: {answer: plain}", "", "forwarding: {trusted: [192.0.2.1]}"))
				a.ask("/hold")
				c := a.connect()
				for range 3 {
					body := ""
					if test.method == "POST" {
						body = "Content-Length: 2\r\n\r\nhi"
					} else {
						body = "\r\n"
					}
					fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: h\r\nX-Request-Id: 1234567890\r\n%s", test.method, body)
					got := make([]byte, len(test.want))
					if _, err := io.ReadFull(c, got); err != nil || inOrder(string(got)) != inOrder(test.want) {
						t.Fatalf("%v\n%q\nwant\n%q", err, got, test.want)
					}
				}
				a.want(1, 0, 0)
				a.release <- struct{}{}
			})
		})
	}
}

// inOrder is an answer with its fields sorted, on the lean engine, which sends
// them as they come.
func inOrder(answer string) string {
	if !onLean() {
		return answer
	}
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// full is a proxy, on a real port, whose upstream is at its limit.
func full(t *testing.T, refuseWith string) *running {
	t.Helper()
	arrived, hold := make(chan struct{}), make(chan struct{})
	up := service(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-hold
	})
	p := start(t, limited("{mode: fixed, limit: 1, queue: {length: 0}, refuseWith: "+refuseWith+"}", "", ""), up.URL, Options{})
	var held sync.WaitGroup
	held.Go(func() {
		if resp, err := http.Get(p.url); err == nil {
			resp.Body.Close()
		}
	})
	<-arrived
	t.Cleanup(func() {
		close(hold)
		held.Wait()
	})
	return p
}

// TestRefusalOverHTTP2: the same facts, and for gRPC an answer of trailers
// alone, on a connection that stays.
func TestRefusalOverHTTP2(t *testing.T) {
	for _, test := range []struct {
		name, refuseWith, contentType string
		status                        int
		grpcStatus, grpcMessage, body string
	}{
		{"503", "503", "", 503, "", "", "Service Unavailable: the service is at its limit, and as many wait as may\n"},
		{"429", "429", "", 429, "", "", "Too Many Requests: the service is at its limit, and as many wait as may\n"},
		{"gRPC, 503", "503", "application/grpc", 200, "14", "Service Unavailable: the service is at its limit, and as many wait as may", ""},
		{"gRPC, 429", "429", "application/grpc+proto", 200, "8", "Too Many Requests: the service is at its limit, and as many wait as may", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := full(t, test.refuseWith)
			c := h2cClient(t)
			for range 2 {
				req, _ := http.NewRequest("POST", p.url, strings.NewReader("x"))
				if test.contentType != "" {
					req.Header.Set("Content-Type", test.contentType)
				}
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				h := resp.Header
				if resp.StatusCode != test.status || h.Get("Grpc-Status") != test.grpcStatus || h.Get("Grpc-Message") != test.grpcMessage || string(body) != test.body {
					t.Errorf("%d %q %q %q", resp.StatusCode, h.Get("Grpc-Status"), h.Get("Grpc-Message"), body)
				}
				if h.Get(signals.ShedHeader) != "queue_full" || !strings.HasPrefix(h.Get("Proxy-Status"), "levee; error=connection_limit_reached; ") || h.Get("X-Request-Id") == "" {
					t.Errorf("%v", h)
				}
			}
			for _, l := range p.Status().Listeners {
				if l.Accepted > 2 { // the held one's and ours
					t.Errorf("%d connections", l.Accepted)
				}
			}
		})
	}
}

// TestRefusalWords: every reason has its words, and they fit a structured field.
func TestRefusalWords(t *testing.T) {
	for i, all := range newRefusals("levee") {
		for reason, forms := range all {
			if limiter.Reason(reason) == limiter.NotShed {
				continue
			}
			for f, r := range forms {
				if r == nil || r.shed[0] == "" || strings.Contains(r.proxyStatus[0], "?") || len(r.body) == 0 || r.form != form(f) {
					t.Errorf("%d, %d, %d: %+v", i, reason, f, r)
				}
			}
		}
	}
}

// TestAnothersShedIsPassedOn: what a Levee behind this one says reaches the
// client, and Proxy-Status says whose word it is.
func TestAnothersShedIsPassedOn(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(signals.ShedHeader, "overload")
		w.Header().Set("Proxy-Status", `inner; error=connection_limit_reached`)
		w.WriteHeader(503)
	})
	p := start(t, simple, up.URL, Options{})
	resp, _ := get(t, p.url)
	if resp.Header.Get(signals.ShedHeader) != "overload" || resp.Header.Get("Proxy-Status") != "inner; error=connection_limit_reached" {
		t.Errorf("%v", resp.Header)
	}
}

// TestClientGoneBehindABody: over HTTP/1.1 nobody reads from a client whose
// body waits to be read, so its leaving shows only when it is looked for.
func TestClientGoneBehindABody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("can't be told here")
	}
	arrived, hold := make(chan string, 2), make(chan struct{})
	up := service(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.Method
		<-hold
	})
	p := start(t, limited("{mode: fixed, limit: 1}", "", ""), up.URL, Options{})
	e := p.gen.Load().upstreams["service"].endpoints[0]
	var held sync.WaitGroup
	held.Go(func() {
		if resp, err := http.Get(p.url); err == nil {
			resp.Body.Close()
		}
	})
	<-arrived
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
	eventually(t, "it waits", func() bool { return e.waiting.Load() == 1 })
	c.Close()
	close(hold)
	held.Wait()
	eventually(t, "nobody waits", func() bool { return e.waiting.Load() == 0 && p.inflight.Load() == 0 })
	if n := e.attempts.Load(); n != 1 {
		t.Errorf("%d were sent", n)
	}
}

// discard is a response writer that costs nothing.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// TestRefusalAllocations is the budget of what Levee itself allocates for one.
func TestRefusalAllocations(t *testing.T) {
	p := full(t, "503")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "1234567890")
	r.RemoteAddr = "192.0.2.1:1234"
	r = r.WithContext(rememberConn(t.Context(), &clientConn{scheme: "http", addrText: "192.0.2.1"}))
	w := &discard{http.Header{}}
	allocs := testing.AllocsPerRun(1000, func() { p.ServeHTTP(w, r) })
	if got := w.h.Get(signals.ShedHeader); got != "queue_full" {
		t.Fatal(got)
	}
	t.Logf("%v allocations", allocs)
	budget := 4.0
	if raceDetector { // which lets pools forget one thing in four
		budget = 6
	}
	if allocs > budget {
		t.Errorf("%v allocations, want %v at most", allocs, budget)
	}
}

// BenchmarkRefusal is what Levee itself does for one; the server's part comes on top.
func BenchmarkRefusal(b *testing.B) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	p, err := New(parse(b, limited("{mode: fixed, limit: 1, queue: {length: 0}}", "", ""), up.URL), Options{})
	if err != nil {
		b.Fatal(err)
	}
	p.Start()
	defer p.Close()
	p.gen.Load().upstreams["service"].endpoints[0].limiter.Acquire(clock.At(0), &limiter.Waiter{})
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(rememberConn(b.Context(), &clientConn{scheme: "http", addrText: "192.0.2.1"}))
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		p.ServeHTTP(w, r)
	}
	if !bytes.Equal([]byte(w.h.Get(signals.ShedHeader)), []byte("queue_full")) {
		b.Fatal(w.h)
	}
}
