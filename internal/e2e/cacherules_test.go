package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cacheRule is a first answer, and what becomes of a second request two and a
// half seconds later.
type cacheRule struct {
	name   string
	header string // of the first answer, in lines
	then   string // what the second request gets: first, second, or the status of a failure
	asked  int    // how often the service is asked in all
	breaks bool   // the second time, it hangs up instead of answering
}

var cacheRules = []cacheRule{
	{"a targeted field before no-store", "CDN-Cache-Control: max-age=60\nCache-Control: no-store", "first", 1, false},
	{"a targeted field before Expires", "CDN-Cache-Control: max-age=60\nExpires: 0", "first", 1, false},
	{"the longer of two, if it is targeted", "CDN-Cache-Control: max-age=60\nCache-Control: max-age=1", "first", 1, false},
	{"the shorter of two, if it is targeted", "CDN-Cache-Control: max-age=1\nCache-Control: max-age=60", "second", 2, false},
	{"a targeted field that allows nothing", "CDN-Cache-Control: max-age=0\nCache-Control: max-age=60", "second", 2, false},
	{"targeted, private", "CDN-Cache-Control: private\nCache-Control: max-age=60", "second", 2, false},
	{"targeted, no-cache", "CDN-Cache-Control: no-cache\nCache-Control: max-age=60", "second", 2, false},
	{"targeted, no-store", "CDN-Cache-Control: no-store\nCache-Control: max-age=60", "second", 2, false},
	{"a targeted field with what it can't have", "CDN-Cache-Control: max-age=60, &&&\nCache-Control: no-store", "second", 2, false},
	{"a targeted field with the wrong type", "CDN-Cache-Control: max-age=\"60\"\nCache-Control: no-store", "second", 2, false},
	{"the more specific of two targeted fields", "Levee-Cache-Control: max-age=60\nCDN-Cache-Control: no-store", "first", 1, false},
	{"targeted, and older than that", "CDN-Cache-Control: max-age=60\nAge: 120", "second", 2, false},

	{"an Age of letters", "Cache-Control: max-age=60\nAge: abc", "first", 1, false},
	{"an Age below zero", "Cache-Control: max-age=60\nAge: -120", "first", 1, false},
	{"an Age with a fraction", "Cache-Control: max-age=60\nAge: 120.0", "first", 1, false},
	{"of two Ages the first, which is none", "Cache-Control: max-age=60\nAge: 0, 120", "first", 1, false},
	{"of two Ages the first, which is too much", "Cache-Control: max-age=60\nAge: 120, 0", "second", 2, false},
	{"of two lines of Age the first", "Cache-Control: max-age=60\nAge: 120\nAge: 0", "second", 2, false},
	{"an Age beyond 31 bits", "Cache-Control: max-age=60\nAge: 2147483648", "second", 2, false},

	{"stale while it is refreshed", "Cache-Control: max-age=1, stale-while-revalidate=60", "first", 2, false},
	{"stale, and the window is over", "Cache-Control: max-age=1, stale-while-revalidate=1", "second", 2, false},
	{"stale instead of a failure", "Cache-Control: max-age=1, stale-if-error=60", "first", 2, true},
	{"stale instead of a failure, and the window is over", "Cache-Control: max-age=1, stale-if-error=1", "502", 2, true},
	{"never stale, by must-revalidate", "Cache-Control: max-age=1, stale-if-error=60, must-revalidate", "502", 2, true},
	{"never stale, by proxy-revalidate", "Cache-Control: max-age=1, stale-if-error=60, proxy-revalidate", "502", 2, true},
	{"never stale, by s-maxage", "Cache-Control: s-maxage=1, stale-if-error=60", "502", 2, true},
	{"never stale, by no-cache", "Cache-Control: max-age=60, stale-if-error=60, no-cache\nEtag: \"a\"", "502", 2, true},
}

// TestCacheRules walks rules of RFC 9111, 9213 and 5861 through a running levee,
// on the wire: those that the public test-suite has no tests for in the release
// that runs here.
func TestCacheRules(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		n := asked[r.URL.Path]
		mu.Unlock()
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		rule := cacheRules[i]
		if n > 1 {
			if rule.breaks {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, "second")
			return
		}
		for line := range strings.Lines(rule.header) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			w.Header()[http.CanonicalHeaderKey(name)] = append(w.Header()[http.CanonicalHeaderKey(name)], value)
		}
		io.WriteString(w, "first")
	})
	l := start(t, setup{config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin, cache: {mode: on}}]
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: "off"}, ejection: {consecutiveFailures: 0}}]
`, address)})
	client, site := http1(), "http://"+l.addresses[0]
	for i, rule := range cacheRules {
		if status, body, err := getFrom(client, fmt.Sprintf("%s/%d", site, i)); status != 200 || body != "first" || err != nil {
			t.Fatalf("%s: %d %q %v", rule.name, status, body, err)
		}
	}
	<-time.After(2500 * time.Millisecond) // lifetimes on the wire are of whole seconds
	for i, rule := range cacheRules {
		status, body, err := getFrom(client, fmt.Sprintf("%s/%d", site, i))
		if got := body; err != nil || status == 200 && got != rule.then || status != 200 && fmt.Sprint(status) != rule.then {
			t.Errorf("%s: %d %q %v, want %s", rule.name, status, body, err, rule.then)
		}
	}
	eventually(t, 10*time.Second, "the service was asked as often as it should", func() bool { // refreshes go on behind
		mu.Lock()
		defer mu.Unlock()
		return !slices.ContainsFunc(cacheRules, func(rule cacheRule) bool {
			i := slices.IndexFunc(cacheRules, func(r cacheRule) bool { return r.name == rule.name })
			return asked[fmt.Sprintf("/%d", i)] < rule.asked
		})
	})
	mu.Lock()
	defer mu.Unlock()
	for i, rule := range cacheRules {
		if n := asked[fmt.Sprintf("/%d", i)]; n != rule.asked {
			t.Errorf("%s: asked %d times, want %d", rule.name, n, rule.asked)
		}
	}
}

// TestInterimThroughTheCache: an early hint reaches its own client and isn't
// stored, over HTTP/1.1 by either engine.
func TestInterimThroughTheCache(t *testing.T) {
	address := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("Cache-Control", "max-age=60")
		io.WriteString(w, "body")
	})
	for _, engine := range []string{"standard", "lean"} {
		l := start(t, setup{config: fmt.Sprintf(`
engine: %s
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin, cache: {mode: on}}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
`, engine, address)})
		client := http1()
		ask := func() (hints int, header http.Header) {
			trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				if code == http.StatusEarlyHints && h.Get("Link") != "" {
					hints++
				}
				return nil
			}}
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, "http://"+l.addresses[0]+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); string(body) != "body" || err != nil {
				t.Errorf("%q %v", body, err)
			}
			return hints, resp.Header
		}
		if hints, header := ask(); hints != 1 || header.Get("Link") != "" {
			t.Errorf("%s: %d hints, then %v", engine, hints, header)
		}
		eventually(t, 10*time.Second, "it is a hit", func() bool {
			hints, header := ask()
			if header.Get("Link") != "" {
				t.Errorf("%s: %v", engine, header)
			}
			return hints == 0 && strings.Contains(header.Get("Cache-Status"), "hit")
		})
	}
}

// TestQueryThroughTheCache: QUERY over the wire, by either engine, with its
// content told by its length and in chunks.
func TestQueryThroughTheCache(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked[string(content)]++
		mu.Unlock()
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "%s %s", r.Method, content)
	})
	for i, engine := range []string{"standard", "lean"} {
		l := start(t, setup{config: fmt.Sprintf(`
engine: %s
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin, cache: {mode: on}}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
`, engine, address)})
		client := http1()
		for n := range 12 {
			content := fmt.Sprintf("%s %d %s", engine, n%2, strings.Repeat("x", 20_000))
			var body io.Reader = strings.NewReader(content)
			if n%3 == 0 {
				body = io.MultiReader(body) // whose length isn't known
			}
			r, err := http.NewRequestWithContext(t.Context(), "QUERY", "http://"+l.addresses[0]+"/", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != "QUERY "+content {
				t.Fatalf("%s: %d %.40q %v", engine, resp.StatusCode, got, err)
			}
		}
		mu.Lock()
		if len(asked) != 2*(i+1) {
			t.Errorf("%s: the service was asked for %d contents", engine, len(asked))
		}
		for content, n := range asked {
			if n != 1 {
				t.Errorf("%.20q: asked %d times", content, n)
			}
		}
		mu.Unlock()
	}
}
