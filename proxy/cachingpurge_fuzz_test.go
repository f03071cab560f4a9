package proxy

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/cache"
)

// FuzzPurgeURL: a URL as a client asks for it names, to a purge, what was stored
// for that request; anything else is refused in words.
func FuzzPurgeURL(f *testing.F) {
	for _, seed := range []string{
		"http://example.com/a", "http://example.com", "http://example.com?x=1&utm_a=2", "https://EXAMPLE.com:8443/a%2fb//c?q=%zz;",
		"http://[::1]:80/x#top", "//example.com/a", "example.com/a", "http:///a", "http://user@example.com/", "http://%zz/", "ftp://a/", "http://a/\x00", "",
	} {
		f.Add(seed)
	}
	const yaml = "upstream: service, cache: {mode: on, key: {ignoreQuery: [utm_*]}}}]"
	p, err := New(parse(f, strings.Replace(simple, "upstream: service}]", yaml, 1), "http://127.0.0.1:1"), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	gen := p.gen.Load()
	f.Fuzz(func(t *testing.T, text string) {
		stored, err := gen.purgeURL(text)
		if err != nil {
			if !errors.Is(err, ErrPurge) || stored != "" {
				t.Errorf("%q: %q, %v", text, stored, err)
			}
			return
		}
		// As net/http's client would ask for it.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, text, nil)
		if err != nil || r.URL.User != nil || r.URL.Opaque != "" || r.URL.RequestURI() != asWritten(text) || !strings.Contains(text, "://"+r.Host) {
			return // it would ask for another
		}
		req := cache.Request{Method: http.MethodGet, Scheme: r.URL.Scheme, Host: r.Host, Target: r.URL.RequestURI(), Header: r.Header}
		rt := gen.router.find(r.Host, r.URL)
		if want := rt.caching.cfg.URL(&req); stored != want {
			t.Errorf("%q is stored as %q and purged as %q", text, want, stored)
		}
	})
}

// asWritten is the target in a URL's text.
func asWritten(text string) string {
	text, _, _ = strings.Cut(text, "#")
	_, rest, _ := strings.Cut(text, "://")
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}
