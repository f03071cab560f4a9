package proxy

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// warmed is a proxy that has cached the answer to the request that is returned.
func warmed(tb testing.TB, size int) (*Proxy, *http.Request) {
	tb.Helper()
	body := []byte(strings.Repeat("x", size))
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Etag", `"a"`)
		_, _ = w.Write(body)
	}))
	tb.Cleanup(up.Close)
	p, err := New(parse(tb, strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {mode: on}}]", 1), up.URL), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", nil)
	r.Header = http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "X-Request-Id": {"0123456789abcdef"}}
	r = r.WithContext(rememberConn(tb.Context(), &clientConn{scheme: "http", addrText: "192.0.2.1"}))
	for wait := time.Now(); p.Status().Cache.Entries == 0 && time.Since(wait) < 10*time.Second; {
		p.ServeHTTP(&taker{header: http.Header{}}, r)
	}
	return p, r
}

// taker is a client that takes everything and keeps nothing.
type taker struct {
	header http.Header
	status int
	n      int
}

func (d *taker) Header() http.Header              { return d.header }
func (d *taker) Flush()                           {}
func (d *taker) WriteHeader(status int)           { d.status = status }
func (d *taker) Write(p []byte) (int, error)      { d.n += len(p); return len(p), nil }
func (d *taker) SetWriteDeadline(time.Time) error { return nil }
func (d *taker) reset()                           { clear(d.header); d.status, d.n = 0, 0 }

// hitAllocations is what a hit may allocate: the exchange that any request has,
// what moves the client's deadline, and two texts, for Age and Cache-Status. It
// doesn't depend on the answer.
const hitAllocations = 6

func TestHitAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	for _, size := range []int{1 << 10, 64 << 10} {
		p, r := warmed(t, size)
		d := &taker{header: http.Header{}}
		n := testing.AllocsPerRun(200, func() {
			d.reset()
			p.ServeHTTP(d, r)
		})
		if d.status != 200 || d.n != size || !strings.HasPrefix(d.header.Get("Cache-Status"), "levee; hit") {
			t.Fatalf("%d, %d bytes, %v", d.status, d.n, d.header)
		}
		if n > hitAllocations {
			t.Errorf("a hit of %d bytes allocates %v times, want at most %d", size, n, hitAllocations)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			p, r := warmed(b, size)
			d := &taker{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				d.reset()
				p.ServeHTTP(d, r)
			}
		})
	}
}
