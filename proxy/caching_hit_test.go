package proxy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hitCase is a way in which an answer comes from the store.
type hitCase struct {
	name    string
	size    int
	fields  string // of the origin's answer, beside the usual ones
	method  string // GET, unless said
	request string // field lines of the request
	keys    int    // 1, unless said; each is asked for in turn
	status  int
	sent    int    // bytes of the body
	rung    string // in Cache-Status; "": none
}

// hitCases are all ways but the answers of several ranges, which are framed for
// the one who asks.
var hitCases = []hitCase{
	{name: "1 KiB", size: 1 << 10, status: 200, sent: 1 << 10},
	{name: "64 KiB", size: 64 << 10, status: 200, sent: 64 << 10},
	{name: "HEAD", size: 1 << 10, method: http.MethodHead, status: 200},
	{name: "not modified", size: 1 << 10, request: `If-None-Match: "a"`, status: 304},
	{name: "not modified, by date", size: 1 << 10, fields: "Last-Modified: Thu, 26 Feb 2026 05:00:00 GMT", request: "If-Modified-Since: Thu, 26 Feb 2026 05:00:00 GMT", status: 304},
	{name: "a range", size: 64 << 10, request: "Range: bytes=100-2099", status: 206, sent: 2000},
	{name: "no such range", size: 1 << 10, request: "Range: bytes=5000-", status: 416},
	{name: "varying", size: 1 << 10, fields: "Vary: Accept-Encoding, Accept-Language", request: "Accept-Encoding: br,gzip\nAccept-Language: en, de", status: 200, sent: 1 << 10},
	{name: "behind a proxy", size: 1 << 10, request: "X-Forwarded-For: 198.51.100.7, 2001:db8::1\nX-Forwarded-Proto: https", status: 200, sent: 1 << 10},
	{name: "stale while it is refreshed", size: 1 << 10, fields: "Cache-Control: max-age=60, stale-while-revalidate=36000\nAge: 900", status: 200, sent: 1 << 10, rung: "stale-while-revalidate"},
	{name: "cached upstream for long", size: 1 << 10, fields: "Age: 123456\nCache-Control: max-age=999999", status: 200, sent: 1 << 10},
	{name: "1,000 keys", size: 1 << 10, keys: 1000, status: 200, sent: 1 << 10},
}

// fieldsOf puts field lines into a header.
func fieldsOf(h http.Header, lines string) {
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.Set(name, value)
	}
}

// stores is the status of what is stored.
func (c *hitCase) stores() int {
	if c.status == http.StatusNotFound || c.status == http.StatusNoContent {
		return c.status
	}
	return http.StatusOK
}

// target is the path of a key.
func (c *hitCase) target(key int) string { return "/item/" + strconv.Itoa(key) }

// header is the request's.
func (c *hitCase) header() http.Header {
	h := http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "X-Request-Id": {"0123456789abcdef"}}
	fieldsOf(h, c.request)
	return h
}

// requests are one for each key, as the server would make them.
func (c *hitCase) requests(tb testing.TB) []*http.Request {
	var all []*http.Request
	for i := range max(c.keys, 1) {
		r := httptest.NewRequestWithContext(tb.Context(), max(c.method, http.MethodGet), c.target(i), nil)
		r.Header = c.header()
		conn := &clientConn{scheme: "http"}
		conn.setPeer("192.0.2.1:1")
		all = append(all, r.WithContext(rememberConn(tb.Context(), conn)))
	}
	return all
}

// proxy is one that has cached what the case asks for.
func (c *hitCase) proxy(tb testing.TB) *Proxy {
	tb.Helper()
	body := []byte(strings.Repeat("x", c.size))
	refreshed := make(chan struct{})
	var seen sync.Map
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, again := seen.LoadOrStore(r.URL.Path, true); again && c.rung != "" {
			<-refreshed
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Etag", `"a"`)
		fieldsOf(w.Header(), c.fields)
		w.WriteHeader(c.stores())
		_, _ = w.Write(body)
	}))
	tb.Cleanup(up.Close)
	tb.Cleanup(func() { close(refreshed) })
	text := strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {mode: on}}]", 1)
	p, err := New(parse(tb, text+"forwarding: {trusted: [192.0.2.0/24, \"2001:db8::/32\"]}\n", up.URL), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	for _, r := range c.requests(tb) {
		r.Method = http.MethodGet
		for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "Cache-Control"} {
			r.Header.Del(name)
		}
		d := &taker{header: http.Header{}}
		for wait := time.Now(); !strings.Contains(strings.Join(d.header["Cache-Status"], ","), "levee; hit") && time.Since(wait) < 10*time.Second; {
			d.reset()
			p.ServeHTTP(d, r)
		}
	}
	return p
}

// check says whether an answer is the one that the case is about.
func (c *hitCase) check(tb testing.TB, d *taker) {
	tb.Helper()
	status := d.header.Get("Cache-Status")
	if d.status != c.status || d.n != c.sent || !strings.HasPrefix(status, "levee; hit") || !strings.HasSuffix(status, c.rung) {
		tb.Fatalf("%d, %d bytes, %v", d.status, d.n, d.header)
	}
}

// TestHitAllocatesNothing: texts that are made for an answer share one
// allocation with those of a hundred others.
func TestHitAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	for _, c := range hitCases {
		t.Run(c.name, func(t *testing.T) {
			p, requests := c.proxy(t), c.requests(t)
			d, i := &taker{header: http.Header{}}, 0
			n := leastOf(func() float64 {
				return testing.AllocsPerRun(max(1000, len(requests)), func() {
					d.reset()
					p.ServeHTTP(d, requests[i%len(requests)])
					i++
				})
			})
			c.check(t, d)
			if n != 0 {
				t.Errorf("a hit allocates %v times", n)
			}
		})
	}
}

// TestHitAllocatesLikeNetHTTP compares a hit with a handler that has the same
// answer ready, header and body, both over HTTP/1.1 from net/http's server.
func TestHitAllocatesLikeNetHTTP(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	for _, c := range hitCases {
		t.Run(c.name, func(t *testing.T) {
			p, d := c.proxy(t), &taker{header: http.Header{}}
			p.ServeHTTP(d, c.requests(t)[0])
			c.check(t, d)
			ready := d.header.Clone()
			body := []byte(strings.Repeat("x", d.n))
			hit := leastOf(func() float64 { return allocations(t, p, &c) })
			ideal := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				h := w.Header()
				maps.Copy(h, ready)
				w.WriteHeader(c.status)
				for rest := body; len(rest) > 0; rest = rest[min(len(rest), bufferSize):] {
					_, _ = w.Write(rest[:min(len(rest), bufferSize)])
				}
			})
			least := leastOf(func() float64 { return allocations(t, ideal, &c) })
			t.Logf("a hit: %.2f allocations, a handler that has it ready: %.2f", hit, least)
			if hit-least > 0.5 { // what else runs on a busy machine takes a quarter, at times
				t.Errorf("a hit allocates %.2f times, a handler that has the answer ready %.2f times", hit, least)
			}
		})
	}
}

// leastOf is the least of some measurements: what else runs in the process, such
// as the end of the test before this one, allocates too.
func leastOf(measure func() float64) float64 {
	least := measure()
	for range 4 {
		least = min(least, measure())
	}
	return least
}

// allocations is how often a request makes a server of the handler allocate.
func allocations(t *testing.T, h http.Handler, c *hitCase) float64 {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		conn := &clientConn{Conn: nc, scheme: "http"}
		conn.setPeer("192.0.2.1:1")
		return context.WithValue(ctx, clientConnKey{}, conn)
	}
	server.Start()
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var requests [][]byte
	for i := range max(c.keys, 1) {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.com\r\n", max(c.method, http.MethodGet), c.target(i))
		_ = c.header().Write(&b)
		requests = append(requests, []byte(b.String()+"\r\n"))
	}
	buf := make([]byte, 80<<10)
	ask := func(i int) {
		if _, err := client.Write(requests[i%len(requests)]); err != nil {
			t.Fatal(err)
		}
		for n, end := 0, -1; end < 0 || n < end+c.sent; {
			m, err := client.Read(buf[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
			if at := bytes.Index(buf[:n], []byte("\r\n\r\n")); at >= 0 {
				end = at + 4
			}
		}
	}
	// Not testing.AllocsPerRun, which rounds down: one in 40 hits allocates.
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would empty the pools
	runs := max(1000, len(requests))
	for i := range runs / 10 {
		ask(i)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range runs {
		ask(i)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(runs)
}

// TestWriteDeadlineStays: an answer spares setting the deadline for its
// client's reading where the one before has just done so, and only then.
func TestWriteDeadlineStays(t *testing.T) {
	inner, outer := net.Pipe()
	defer inner.Close()
	defer outer.Close()
	conn, set := &clientConn{Conn: inner}, 0
	const limit = 30 * time.Second
	start := time.Now()
	for _, step := range []struct {
		after time.Duration
		want  int // how often it has been set by then
		lift  bool
	}{
		{after: 0, want: 1},
		{after: time.Second, want: 1},
		{after: 7 * time.Second, want: 1},
		{after: 8 * time.Second, want: 2},
		{after: 9 * time.Second, want: 2},
		{after: 10 * time.Second, want: 3, lift: true}, // by somebody else
		{after: time.Hour, want: 4},
	} {
		if step.lift {
			if err := conn.SetDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		g := progress{limit: limit, writes: conn, set: func(at time.Time) error {
			set++
			return conn.SetWriteDeadline(at)
		}}
		g.beforeAt(start.Add(step.after))
		if set != step.want {
			t.Errorf("after %v: set %d times, want %d", step.after, set, step.want)
		}
	}
}
