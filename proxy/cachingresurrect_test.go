package proxy

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestPurgedIsNotValidated: a request that found something stored before a purge
// may validate it after the purge, if it had to wait for another's fetch in
// between. The upstream's word that it holds doesn't bring it back: what is stored
// may be purged for being another thing than its tag says.
func TestPurgedIsNotValidated(t *testing.T) {
	for name, what := range map[string]Purge{
		"all":    {All: true},
		"URL":    {URL: "http://example.com/"},
		"prefix": {Prefix: "http://example.com/"},
		"route":  {Route: "all"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, caches("", "", ""), gives("bad", "Cache-Control: max-age=1, must-revalidate", `Etag: "1"`))
				o.get("/")
				time.Sleep(2 * time.Second)
				release := make(chan struct{})
				o.says(func(w http.ResponseWriter, _ *http.Request) {
					<-release
					w.WriteHeader(http.StatusInternalServerError)
				})
				first := o.ask("/")
				synctest.Wait()
				second := o.ask("/") // waits for the first one's fetch, and makes the next
				synctest.Wait()
				if _, err := o.proxy.PurgeCache(what); err != nil {
					t.Fatal(err)
				}
				o.says(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Etag", `"1"`)
					w.Header().Set("Cache-Control", "max-age=60")
					if r.Header.Get("If-None-Match") != "" {
						w.WriteHeader(http.StatusNotModified)
						return
					}
					gives("good")(w, r)
				})
				close(release)
				first.begins()
				second.begins()
				if got := o.get("/").body; got != "good" {
					t.Errorf("after the purge there is %q", got)
				}
			})
		})
	}
}
