package proxy

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestPurge(t *testing.T) {
	for _, test := range []struct {
		name  string
		purge Purge
		found int
		gone  string // the paths that are asked for anew
	}{
		{"a URL", Purge{URL: "http://example.com/a"}, 1, "/a"},
		{"a URL that isn't there", Purge{URL: "http://example.com/x"}, 0, ""},
		{"a prefix", Purge{Prefix: "http://example.com/a"}, 2, "/a /ab"},
		{"a URL with a fragment", Purge{URL: "http://example.com/a#top"}, 1, "/a"},
		{"another host's URL", Purge{URL: "http://example.org/a"}, 0, ""},
		{"a group", Purge{Group: "g", Origin: "http://example.com"}, 1, "/b"},
		{"a group, with the port", Purge{Group: "g", Origin: "http://EXAMPLE.com:80/"}, 1, "/b"},
		{"a route", Purge{Route: "all"}, 3, "/a /ab /b"},
		{"an upstream", Purge{Upstream: "service"}, 3, "/a /ab /b"},
		{"a route, softly", Purge{Route: "all", Soft: true}, 3, "/a /ab /b"},
		{"another origin's group", Purge{Group: "g", Origin: "http://example.org:80"}, 0, ""},
		{"all", Purge{All: true}, 3, "/a /ab /b"},
		{"all, softly", Purge{All: true, Soft: true}, 3, "/a /ab /b"},
		{"a URL, softly", Purge{URL: "http://example.com/a", Soft: true}, 1, "/a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, caches(", staleIfError: 1h", "", ""), func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", "max-age=600")
					if r.URL.Path == "/b" {
						w.Header().Set("Cache-Groups", `"g"`)
					}
				})
				paths := []string{"/a", "/ab", "/b"}
				for _, path := range paths {
					o.get(path)
				}
				synctest.Wait() // until they are stored
				o.asked()
				if n, err := o.proxy.PurgeCache(test.purge); err != nil || n != test.found {
					t.Errorf("found %d, %v; want %d", n, err, test.found)
				}
				var gone []string
				o.says(fails(503))
				for _, path := range paths {
					r := o.get(path)
					if o.asked() > 0 {
						gone = append(gone, path)
						if stale := r.StatusCode == 200; stale != test.purge.Soft {
							t.Errorf("%s: %d, %q", path, r.StatusCode, r.status())
						}
					}
				}
				if got := strings.Join(gone, " "); got != test.gone {
					t.Errorf("asked for %q, want %q", got, test.gone)
				}
			})
		})
	}
}

func TestPurgeRefusesWhatIsUnclear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), fails(200))
		for _, unclear := range []Purge{
			{},
			{URL: "http://x/", All: true},
			{Group: "g"},
			{All: true, Origin: "http://x"},
			{Route: "all", Upstream: "service"},
			{URL: "/a"},
			{URL: "example.com/a"},
			{URL: "ftp://example.com/a"},
			{URL: "http://%zz/"},
			{Prefix: "/"},
			{Group: "g", Origin: "example.com"},
		} {
			if _, err := o.proxy.PurgeCache(unclear); !errors.Is(err, ErrPurge) {
				t.Errorf("%+v: %v", unclear, err)
			}
		}
		for _, unknown := range []Purge{{Route: "x"}, {Upstream: "x"}} {
			if _, err := o.proxy.PurgeCache(unknown); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `"x"; those with a cache are: all`) {
				t.Errorf("%+v: %v", unknown, err)
			}
		}
		without := newVirtual(t, simple, fails(200))
		if _, err := without.proxy.PurgeCache(Purge{All: true}); !errors.Is(err, ErrNoCache) {
			t.Error(err)
		}
	})
}

// TestPurgeCounts answers: each variant is one, and what was purged before isn't
// there any more.
func TestPurgeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", key: {ignoreQuery: [utm_*]}", "", ""), gives("x", "Cache-Control: max-age=600", "Vary: Accept-Language"))
		for _, language := range []string{"de", "en", "fr"} {
			o.get("/a?x=1&utm_source=mail", "Accept-Language: "+language)
			o.get("/b", "Accept-Language: "+language)
		}
		synctest.Wait()
		for _, step := range []struct {
			purge Purge
			found int
		}{
			{Purge{URL: "http://example.com/a?utm_medium=x&x=1", Soft: true}, 3},
			{Purge{URL: "http://example.com/a?x=1"}, 3},
			{Purge{URL: "http://example.com/a?x=1"}, 0},
			{Purge{Upstream: "service"}, 3},
			{Purge{All: true}, 0},
		} {
			if n, err := o.proxy.PurgeCache(step.purge); n != step.found || err != nil {
				t.Errorf("%+v: found %d, %v; want %d", step.purge, n, err, step.found)
			}
		}
		s := o.proxy.Status().Cache
		if s.Entries != 0 || s.Purges.Times != 5 || s.Purges.Answers != 9 || s.Purges.LastAnswers != 0 || s.Invalidations != 0 {
			t.Errorf("%+v", s)
		}
	})
}
