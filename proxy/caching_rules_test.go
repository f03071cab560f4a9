package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAuthorizedAnswers are shared only with explicit leave. Those that can't be
// aren't waited for by others, and leave the rest of the cache alone.
func TestAuthorizedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			if r.URL.Path == "/public" {
				w.Header().Set("Cache-Control", "max-age=60, public")
			}
			io.WriteString(w, r.Header.Get("Authorization"))
		})
		o.wants(o.get("/", "Authorization: a"), 200, "a", "levee; fwd=uri-miss", 1)
		// From now on nobody with an Authorization waits for another's fetch.
		release := make(chan struct{})
		answer := o.answer
		o.says(func(w http.ResponseWriter, r *http.Request) { <-release; answer(w, r) })
		one, two := o.ask("/", "Authorization: b"), o.ask("/", "Authorization: c")
		synctest.Wait()
		if n := o.asked(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		close(release)
		for want, a := range map[string]*asking{"b": one, "c": two} {
			a.begins()
			a.ends(want)
		}
		o.wants(o.get("/"), 200, "", "levee; fwd=uri-miss; stored; ttl=60", 1)
		o.wants(o.get("/public", "Authorization: a"), 200, "a", "levee; fwd=uri-miss; stored; ttl=60", 1)
		if r := o.get("/public"); r.body != "a" || !strings.Contains(r.status(), "hit") {
			t.Errorf("%q %q", r.body, r.status())
		}
	})
}

// TestChangesAreSeen: who has changed something doesn't get what was fetched
// before, neither from the store nor by joining a fetch that had begun.
func TestChangesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				<-release
				gives("old", "Cache-Control: max-age=60")(w, r)
			}
		})
		early := o.ask("/")
		synctest.Wait()
		o.send("POST", "/", "Content-Length: 0")
		o.asked()
		o.says(gives("new", "Cache-Control: max-age=60"))
		o.wants(o.get("/"), 200, "new", "levee; fwd=uri-miss; stored; ttl=60", 1)
		close(release)
		early.begins()
		early.ends("old")
		synctest.Wait()
		if r := o.get("/"); r.body != "new" || o.asked() != 0 {
			t.Errorf("%q %q", r.body, r.status())
		}
	})
}

// TestTooMuchAsked: the upstream's own 429 is an overload, and says nothing about
// what is stored.
func TestTooMuchAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", staleOnOverload: 1m", "", ""), gives("one", "Cache-Control: max-age=1"))
		o.get("/")
		time.Sleep(3 * time.Second)
		o.asked()
		o.says(fails(429))
		o.wants(o.get("/"), 200, "one", "levee; hit; ttl=-3; detail=stale-on-overload", 1)
		time.Sleep(time.Minute)
		o.wants(o.get("/"), 429, "", "", 1)
		o.says(gives("two", "Cache-Control: max-age=60"))
		o.wants(o.get("/"), 200, "two", "levee; fwd=stale; stored; ttl=60", 1)
	})
}

// TestLargeAnswersAreNotKept, whether they say how large they are or not.
func TestLargeAnswersAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := strings.Repeat("x", 3<<10)
		for _, header := range []string{"X-Length: unknown", "Content-Length: 3072"} {
			o := newOrigin(t, caches(", objectBytes: 2KiB", "", ""), func(w http.ResponseWriter, r *http.Request) {
				gives(large[:1<<10], header, "Cache-Control: max-age=60")(w, r)
				http.NewResponseController(w).Flush()
				io.WriteString(w, large[1<<10:])
			})
			for i := range 2 {
				if r := o.get("/"); r.body != large || r.err != nil || o.asked() != 1 || i == 1 && r.status() != "levee; fwd=uri-miss" {
					t.Errorf("%s: %d bytes, %v, %q", header, len(r.body), r.err, r.status())
				}
			}
		}
	})
}

// TestKeys: what is part of the key tells answers apart, what is left out of the
// query doesn't, and fields that aren't listed never choose for others.
func TestKeys(t *testing.T) {
	for _, test := range []struct {
		name, cache string
		first, then []string // header lines; the path is /?<the name's last word>
		body        string
		asked       int
	}{
		{"a header of the key", ", key: {headers: [X-Tenant]}", []string{"X-Tenant: a"}, []string{"X-Tenant: b"}, "b ", 1},
		{"the same header", ", key: {headers: [X-Tenant]}", []string{"X-Tenant: a"}, []string{"X-Tenant: a"}, "a ", 0},
		{"a cookie of the key", ", key: {cookies: [lang]}", []string{"Cookie: lang=de"}, []string{"Cookie: lang=en"}, " lang=en", 1},
		{"another cookie", ", key: {cookies: [lang]}", []string{"Cookie: lang=de; x=1"}, []string{"Cookie: lang=de; x=2"}, " lang=de; x=1", 0},
		{"unlisted", "", []string{"X-Tenant: a"}, nil, " ", 1},
		{"unlisted, dropped", ", unlistedHeaders: drop", []string{"X-Tenant: a"}, nil, " ", 0},
		{"unlisted, passed", ", unlistedHeaders: pass", []string{"X-Tenant: a"}, nil, "a ", 0},
		{"listed", ", requestHeaders: [X-Tenant]", []string{"X-Tenant: a"}, []string{"X-Tenant: b"}, "a ", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, caches(test.cache, "", ""), func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", "max-age=60")
					fmt.Fprintf(w, "%s %s", r.Header.Get("X-Tenant"), r.Header.Get("Cookie"))
				})
				o.get("/", test.first...)
				o.asked()
				if r, n := o.get("/", test.then...), o.asked(); r.body != test.body || n != test.asked {
					t.Errorf("%q after %d request(s), want %q after %d", r.body, n, test.body, test.asked)
				}
			})
		})
	}
}

// TestIgnoredQuery: the parameter reaches the upstream, and not the key.
func TestIgnoredQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", key: {ignoreQuery: [utm_*]}", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			io.WriteString(w, r.URL.RawQuery)
		})
		o.wants(o.get("/?a=1&utm_source=x"), 200, "a=1&utm_source=x", "levee; fwd=uri-miss; stored; ttl=60", 1)
		if r := o.get("/?utm_source=y&a=1"); r.body != "a=1&utm_source=x" || o.asked() != 0 {
			t.Errorf("%q %q", r.body, r.status())
		}
	})
}

// TestReloads: what is cached stays over a reload, and is found again when
// caching was off for a while only if it is still kept.
func TestReloads(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		io.WriteString(w, r.Header.Get("X-A"))
	})
	yaml := func(cache, top string) string {
		return strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {"+cache+"}}]", 1) + top
	}
	p := start(t, yaml("mode: on", ""), up.URL, Options{})
	status := func() (said string) {
		for range 100 {
			resp, _ := get(t, p.url)
			said, _, _ = strings.Cut(resp.Header.Get("Cache-Status"), "; ttl")
			if !strings.Contains(said, "collapsed") { // the client before may have it sooner than the store
				break
			}
		}
		return said
	}
	const hit, miss = "levee; hit", "levee; fwd=uri-miss; stored"
	status()
	for _, step := range []struct{ cache, top, want string }{
		{"mode: on, defaultTTL: 5s", "", hit},
		{"mode: on", "cache: {bytes: 8MiB}\n", hit},
		{"mode: on, key: {headers: [X-B]}", "cache: {bytes: 8MiB}\n", miss},
		{"mode: on", "cache: {objectBytes: 2MiB}\n", miss},
		{"mode: off", "", ""},
		{"mode: on", "", miss},
	} {
		if err := p.Reload(parse(t, yaml(step.cache, step.top), up.URL)); err != nil {
			t.Fatal(err)
		}
		if got := status(); got != step.want {
			t.Errorf("with %q %q: %q, want %q", step.cache, step.top, got, step.want)
		}
	}
}

// TestOneVariantGoes: what the service takes back is one variant, and the others
// stay.
func TestOneVariantGoes(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"it may not be kept any longer": gives("new", "Cache-Control: no-store"),
		"it still holds, but not to be kept": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(304)
		},
		"another one than was asked for holds": otherHolds,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
					language := r.Header.Get("Accept-Language")
					gives(language, "Cache-Control: max-age="+map[string]string{"de": "1", "en": "600"}[language], "Vary: Accept-Language", `Etag: "`+language+`"`)(w, r)
				})
				o.get("/", "Accept-Language: de")
				o.get("/", "Accept-Language: en")
				synctest.Wait()
				time.Sleep(2 * time.Second)
				o.says(answer)
				o.get("/", "Accept-Language: de")
				synctest.Wait()
				o.asked()
				if r := o.get("/", "Accept-Language: en"); r.body != "en" || o.asked() != 0 {
					t.Errorf("the other variant: %d %q, %s", r.StatusCode, r.body, r.status())
				}
				if o.get("/", "Accept-Language: de"); o.asked() == 0 {
					t.Error("the service wasn't asked again for what it took back")
				}
			})
		})
	}
}

// otherHolds answers a validation with the tag of something else.
func otherHolds(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("If-None-Match") == "" {
		gives("new", "Cache-Control: no-store")(w, r)
		return
	}
	w.Header().Set("Etag", `"other"`)
	w.WriteHeader(http.StatusNotModified)
}

// TestFieldsForOne: a field that no-cache or private names isn't stored, and its
// own client gets it all the same, as that request was sent.
func TestFieldsForOne(t *testing.T) {
	for _, control := range []string{`no-cache="Set-Cookie, X-Mine", max-age=60`, `private="set-cookie, x-mine", max-age=60`} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrigin(t, caches("", "", ""), gives("one", "Cache-Control: "+control, "Set-Cookie: a=b", "X-Mine: c", "X-All: d"))
			first := o.get("/")
			if first.Header.Get("Set-Cookie") != "a=b" || first.Header.Get("X-Mine") != "c" || first.Header.Get("X-All") != "d" || first.Header.Get("Date") == "" {
				t.Errorf("its own client got %v", first.Header)
			}
			synctest.Wait()
			second := o.get("/")
			if !strings.Contains(second.status(), "hit") || has(second.Header, "Set-Cookie") || has(second.Header, "X-Mine") || second.Header.Get("X-All") != "d" {
				t.Errorf("another got %v", second.Header)
			}
		})
	}
}
