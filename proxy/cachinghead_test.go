package proxy

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestFreshenByHead: RFC 9111, section 4.3.5. The stored answer is expired when
// the HEAD comes; what a GET gets after it says what became of it.
func TestFreshenByHead(t *testing.T) {
	for _, test := range []struct {
		name, cache string
		head        http.HandlerFunc
		send        []string // fields of the HEAD
		status      int      // of the HEAD's answer
		x           string   // the field X of what a GET gets
		asked       bool     // and whether the service is asked for it
	}{
		{"it is as it was", "", gives("", "Cache-Control: max-age=60", `Etag: "a"`, "X: new"), nil, 200, "new", false},
		{"with its length", "", gives("", "Cache-Control: max-age=60", `Etag: "a"`, "Content-Length: 3", "X: new"), nil, 200, "new", false},
		{"it says less", "", gives("", "Cache-Control: max-age=60"), nil, 200, "old", false},
		{"another tag", "", gives("", "Cache-Control: max-age=60", `Etag: "b"`, "X: new"), nil, 200, "old", true},
		{"another length", "", gives("", "Cache-Control: max-age=60", "Content-Length: 4", "X: new"), nil, 200, "old", true},
		{"it may not be kept", "", gives("", "Cache-Control: no-store", `Etag: "a"`), nil, 200, "old", true},
		{"a failure", "", fails(503), nil, 503, "old", true},
		{"it is gone", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("X", "new")
			w.WriteHeader(410)
		}, nil, 410, "old", true},
		{"one client's own", "", gives("", "Cache-Control: max-age=60", "X: new"), []string{"Authorization: Basic eA=="}, 200, "old", true},
		{"a field that nobody knows", ", unlistedHeaders: drop", gives("", "Cache-Control: max-age=60", "X: new"), []string{"X-Evil: a"}, 200, "old", true},
		{"one that may choose", ", unlistedHeaders: pass", gives("", "Cache-Control: max-age=60", "X: new"), []string{"X-Evil: a"}, 200, "new", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				get := gives("one", "Cache-Control: max-age=1", `Etag: "a"`, "X: old")
				o := newOrigin(t, caches(test.cache, "", ""), get)
				o.get("/")
				synctest.Wait()
				time.Sleep(2 * time.Second)
				o.says(test.head)
				if r := o.send("HEAD", "/", test.send...); r.StatusCode != test.status {
					t.Errorf("HEAD: %d, %v", r.StatusCode, r.Header)
				}
				synctest.Wait()
				o.asked()
				o.says(get)
				r := o.get("/")
				if asked := o.asked() > 0; r.body != "one" || r.Header.Get("X") != test.x || asked != test.asked {
					t.Errorf("%q, %v, asked: %v", r.body, r.Header, asked)
				}
			})
		})
	}
}

// TestHeadBehindAnother: what a HEAD says of an answer doesn't touch the one
// that came in its place meanwhile, nor what was purged.
func TestHeadBehindAnother(t *testing.T) {
	for _, purged := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrigin(t, caches("", "", ""), gives("one", "Cache-Control: max-age=1", "X: old"))
			o.get("/")
			synctest.Wait()
			time.Sleep(2 * time.Second)
			under, answer := make(chan struct{}), make(chan struct{})
			o.says(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					gives("two", "Cache-Control: max-age=60", "X: newer")(w, r)
					return
				}
				close(under)
				<-answer
				gives("", "Cache-Control: max-age=3600", "X: from HEAD")(w, r)
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				o.send("HEAD", "/")
			}()
			<-under
			if purged {
				if n, err := o.proxy.PurgeCache(Purge{All: true}); n != 1 || err != nil {
					t.Error(n, err)
				}
			} else {
				o.get("/")
			}
			synctest.Wait()
			close(answer)
			<-done
			if r := o.get("/"); r.body != "two" || r.Header.Get("X") != "newer" {
				t.Errorf("purged %v: %q, %v", purged, r.body, r.Header)
			}
		})
	}
}
