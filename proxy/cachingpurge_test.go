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
		{"a group", Purge{Group: "g", Origin: "http://example.com:80"}, 1, "/b"},
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
		for _, unclear := range []Purge{{}, {URL: "x", All: true}, {Group: "g"}, {All: true, Origin: "x"}} {
			if _, err := o.proxy.PurgeCache(unclear); !errors.Is(err, ErrPurge) {
				t.Errorf("%+v: %v", unclear, err)
			}
		}
		without := newVirtual(t, simple, fails(200))
		if _, err := without.proxy.PurgeCache(Purge{All: true}); !errors.Is(err, ErrNoCache) {
			t.Error(err)
		}
	})
}
