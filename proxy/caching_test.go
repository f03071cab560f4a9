package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// origin is a proxy with a cache, in virtual time, before a service that the
// test tells what to answer.
type origin struct {
	*virtual
	mu     sync.Mutex
	calls  []*http.Request
	answer http.HandlerFunc
}

// caches is a configuration with a cached route. Of it, cache is the route's
// cache, route is more of the route, and upstream more of the upstream.
func caches(cache, route, upstream string) string {
	return limited("{mode: fixed, limit: 4, queue: {length: 0}}, ejection: {consecutiveFailures: 0}, retry: {attempts: 0}"+upstream, ", cache: {mode: on"+cache+"}"+route, "")
}

// newOrigin must be called inside a synctest bubble.
func newOrigin(t *testing.T, yaml string, answer http.HandlerFunc) *origin {
	o := &origin{answer: answer}
	o.virtual = newVirtual(t, yaml, func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.calls = append(o.calls, r)
		answer := o.answer
		o.mu.Unlock()
		answer(w, r)
	})
	return o
}

// says makes the service answer so from now on.
func (o *origin) says(answer http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

// asked is how many requests the service got since it was asked that last.
func (o *origin) asked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.calls)
	o.calls = nil
	return n
}

// reply is an answer as a client gets it.
type reply struct {
	*http.Response
	body string
	err  error // of reading the body
}

// status is what the cache says that it did.
func (r *reply) status() string { return r.Header.Get("Cache-Status") }

// send sends a request on a connection of its own. The header is in lines.
func (o *origin) send(method, path string, header ...string) *reply {
	o.t.Helper()
	return o.sendBody(method, path, "", header...)
}

// sendBody is send with what follows the header.
func (o *origin) sendBody(method, path, body string, header ...string) *reply {
	o.t.Helper()
	c := o.connect()
	defer c.Close()
	var lines strings.Builder
	for _, line := range header {
		lines.WriteString(line + "\r\n")
	}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: example.com\r\n%s\r\n%s", method, path, lines.String(), body)
	req, _ := http.NewRequest(method, "http://example.com"+path, nil)
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		o.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	return &reply{resp, string(got), err}
}

func (o *origin) get(path string, header ...string) *reply {
	o.t.Helper()
	return o.send("GET", path, header...)
}

// wants checks an answer, what the cache says of it, and how often the service
// was asked for it.
func (o *origin) wants(r *reply, status int, body, cacheStatus string, asked int) {
	o.t.Helper()
	synctest.Wait()
	if n := o.asked(); r.StatusCode != status || r.body != body || r.status() != cacheStatus || n != asked {
		o.t.Errorf("got %d %q, %q, and %d request(s)\nwant %d %q, %q, and %d", r.StatusCode, r.body, r.status(), n, status, body, cacheStatus, asked)
	}
}

// gives answers with a body and header lines.
func gives(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		io.WriteString(w, body)
	}
}

// fails answers with a status alone.
func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func breaks(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), gives("one", "Cache-Control: max-age=60", `Etag: "a"`, "X-Of: one", "Content-Type: text/plain"))
		first := o.get("/")
		o.wants(first, 200, "one", "levee; fwd=uri-miss; stored; ttl=60", 1)
		if has(first.Header, "Age") {
			t.Errorf("fresh from the service, and has an Age: %v", first.Header)
		}
		time.Sleep(10 * time.Second)
		r := o.get("/")
		if !strings.HasPrefix(r.status(), "levee; hit; ttl=4") || r.Header.Get("Age") != "10" || r.Header.Get("X-Of") != "one" || r.body != "one" || r.Header.Get("Content-Length") != "3" {
			t.Errorf("%v %q", r.Header, r.body)
		}
		hit := r.status()
		o.wants(o.send("HEAD", "/"), 200, "", hit, 0)
		r = o.get("/", `If-None-Match: "a"`)
		o.wants(r, 304, "", hit, 0)
		if r.Header.Get("Etag") != `"a"` || r.Header.Get("Content-Type") != "" {
			t.Errorf("%v", r.Header)
		}
		r = o.get("/", "Range: bytes=1-1")
		o.wants(r, 206, "n", hit, 0)
		if r.Header.Get("Content-Range") != "bytes 1-1/3" {
			t.Errorf("%v", r.Header)
		}
		r = o.get("/", "Range: bytes=0-0,2-2")
		if o.asked() != 0 || r.StatusCode != 206 || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") || int64(len(r.body)) != r.ContentLength {
			t.Errorf("%d %v %q", r.StatusCode, r.Header, r.body)
		}
		o.wants(o.get("/", "Range: bytes=7-"), 416, "", hit, 0)
		o.wants(o.get("/", "Cache-Control: only-if-cached"), 200, "one", hit, 0)
		// What the cache has no part in.
		o.wants(o.get("/?other"), 200, "one", "levee; fwd=uri-miss; stored; ttl=60", 1)
		r = o.get("/new", "Cache-Control: only-if-cached")
		o.wants(r, 504, r.body, "", 0)
		o.wants(o.get("/", "X-Tenant: 7"), 200, "one", "levee; fwd=bypass", 1)
		o.wants(o.send("GET", "/", "Content-Length: 0", "X-Request-Id: 1", "Sec-Fetch-Mode: cors"), 200, "one", hit, 0)
		o.wants(o.send("DELETE", "/other"), 200, "one", "levee; fwd=method", 1)
		s := o.proxy.Status().Cache
		if s.Entries != 2 || s.Bytes == 0 || s.Fetches != 2 || fmt.Sprint(s.Routes) != "[{all [{hit fresh 8} {miss none 2} {bypass none 2} {unsatisfied none 1}]}]" {
			t.Errorf("%+v", s)
		}
	})
}

// TestValidation: what has expired is asked for with its validators, and a 304
// makes it fresh again for all.
func TestValidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), gives("one", "Cache-Control: max-age=1", `Etag: "a"`))
		o.get("/")
		time.Sleep(2 * time.Second)
		o.asked()
		o.says(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != `"a"` {
				t.Errorf("asked with %v", r.Header)
			}
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(304)
		})
		o.wants(o.get("/"), 200, "one", "levee; fwd=stale; fwd-status=304; stored; ttl=60", 1)
		if r := o.get("/"); o.asked() != 0 || !strings.HasPrefix(r.status(), "levee; hit") || r.body != "one" {
			t.Errorf("%v %q", r.Header, r.body)
		}
		// A 304 of something else is worth nothing: all of it is asked for.
		time.Sleep(2 * time.Minute)
		o.says(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Etag", `"b"`)
			w.Header().Set("Cache-Control", "max-age=60")
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(304)
				return
			}
			io.WriteString(w, "two")
		})
		o.wants(o.get("/"), 200, "two", "levee; fwd=stale; stored; ttl=60", 2)
		// And what is no more isn't kept.
		time.Sleep(2 * time.Minute)
		o.says(gives("three", "Cache-Control: no-store"))
		o.wants(o.get("/"), 200, "three", "levee; fwd=stale", 1)
		if s := o.proxy.Status().Cache; s.Entries != 1 { // the marker
			t.Errorf("%+v", s)
		}
	})
}

// TestUnsafeMethodsInvalidate: RFC 9111, section 4.4, and RFC 9875.
func TestUnsafeMethodsInvalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case "POST":
				w.Header().Set("Location", "/b")
				w.Header().Set("Cache-Group-Invalidation", `"g"`)
			case "PUT":
				w.WriteHeader(500)
			}
			w.Header().Set("Cache-Control", "max-age=600")
			if r.URL.Path == "/c" {
				w.Header().Set("Cache-Groups", `"g"`)
			}
		})
		ask := func() (n int) {
			for _, path := range []string{"/a", "/b", "/c", "/d"} {
				o.get(path)
			}
			synctest.Wait()
			return o.asked()
		}
		for i, want := range []int{4, 0} {
			if n := ask(); n != want {
				t.Errorf("round %d: %d requests, want %d", i, n, want)
			}
		}
		o.send("PUT", "/d", "Content-Length: 0") // failed: nothing has changed
		o.send("POST", "/a", "Content-Length: 0")
		o.asked()
		if n := ask(); n != 3 {
			t.Errorf("%d requests after the POST, want 3: for what it was sent to, its Location, and its group", n)
		}
	})
}

// TestLadder walks down the rungs, one case each.
func TestLadder(t *testing.T) {
	const fallback = `, fallback: {status: 203, headers: [{name: X-Own, value: a}], body: later}`
	for _, test := range []struct {
		name, cache, route, header string
		age                        time.Duration
		trouble                    http.HandlerFunc
		overload                   bool
		status                     int
		body, said                 string
		asked                      int
	}{
		{"stale-while-revalidate", ", staleWhileRevalidate: 10s", "", "max-age=1", 3 * time.Second, gives("two"), false, 200, "one", "levee; hit; ttl=-3; detail=stale-while-revalidate", 1},
		{"its own stale-while-revalidate", "", "", "max-age=1, stale-while-revalidate=10", 3 * time.Second, gives("two"), false, 200, "one", "levee; hit; ttl=-3; detail=stale-while-revalidate", 1},
		{"beyond it", ", staleWhileRevalidate: 1s", "", "max-age=1", 3 * time.Second, gives("two", "Cache-Control: max-age=1"), false, 200, "two", "levee; fwd=stale; stored; ttl=1", 1},
		{"stale-if-error, 503", ", staleIfError: 10s", "", "max-age=1", 3 * time.Second, fails(503), false, 200, "one", "levee; hit; ttl=-3; detail=stale-if-error", 1},
		{"stale-if-error, no answer", ", staleIfError: 10s", "", "max-age=1", 3 * time.Second, breaks, false, 200, "one", "levee; hit; ttl=-3; detail=stale-if-error", 1},
		{"not for 404", ", staleIfError: 10s", "", "max-age=1", 3 * time.Second, fails(404), false, 404, "", "levee; fwd=stale; stored; ttl=1", 1},
		{"stale-if-error, forbidden", ", staleIfError: 10s", "", "max-age=1, must-revalidate", 3 * time.Second, fails(503), false, 503, "", "", 1},
		{"stale-if-error, over", ", staleIfError: 1s", "", "max-age=1", 3 * time.Second, fails(503), false, 503, "", "", 1},
		{"stale-on-overload", ", staleOnOverload: 10s", "", "max-age=1", 3 * time.Second, nil, true, 200, "one", "levee; hit; ttl=-3; detail=stale-on-overload", 0},
		{"stale-on-overload, forbidden", ", staleOnOverload: 10s", "", "s-maxage=1", 3 * time.Second, nil, true, 503, "", "", 0},
		{"last known good, error", ", lastKnownGood: 1h", "", "max-age=1", 30 * time.Minute, fails(500), false, 200, "one", "levee; hit; ttl=-1800; detail=last-known-good", 1},
		{"last known good, overload", ", lastKnownGood: 1h", "", "max-age=1", 30 * time.Minute, nil, true, 200, "one", "levee; hit; ttl=-1800; detail=last-known-good", 0},
		{"last known good, too old", ", lastKnownGood: 1h", "", "max-age=1", 2 * time.Hour, fails(500), false, 500, "", "", 1},
		{"fallback, error", "", fallback, "max-age=1", 3 * time.Second, fails(502), false, 203, "later", "levee; fwd=stale; detail=fallback-error", 1},
		{"fallback, overload", "", fallback, "max-age=1", 3 * time.Second, nil, true, 203, "later", "levee; fwd=stale; detail=fallback-overload", 0},
		{"stale before fallback", ", staleIfError: 10s", fallback, "max-age=1", 3 * time.Second, fails(502), false, 200, "one", "levee; hit; ttl=-3; detail=stale-if-error", 1},
		{"nothing", "", "", "max-age=1", 3 * time.Second, nil, true, 503, "", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, caches(test.cache, test.route, ""), gives("one", "Cache-Control: "+test.header))
				o.get("/")
				time.Sleep(test.age)
				if test.overload {
					release := make(chan struct{})
					o.says(func(http.ResponseWriter, *http.Request) { <-release })
					defer close(release)
					for i := range 4 {
						fmt.Fprintf(o.connect(), "POST /hold%d HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", i)
					}
					synctest.Wait()
				} else {
					o.says(test.trouble)
				}
				o.asked()
				r := o.get("/")
				if r.StatusCode == 503 && test.overload {
					if r.Header.Get(signals.ShedHeader) == "" {
						t.Errorf("not refused by Levee: %v", r.Header)
					}
					r.body = ""
				}
				o.wants(r, test.status, test.body, test.said, test.asked)
			})
		})
	}
}
