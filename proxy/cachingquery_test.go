package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// query sends a QUERY with this content, which is told by its length, or in chunks.
func (o *origin) query(content string, chunked bool, header ...string) *reply {
	o.t.Helper()
	if chunked {
		content = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(content), content)
		header = append(header, "Transfer-Encoding: chunked")
	} else {
		header = append(header, fmt.Sprintf("Content-Length: %d", len(content)))
	}
	return o.sendBody("QUERY", "/q", content, header...)
}

// echo answers with what it was asked.
func echo(header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		gives(fmt.Sprintf("%s %s %s %v", r.Method, r.Header.Get("Content-Type"), content, err), header...)(w, r)
	}
}

// TestQuery: RFC 10008. The content is part of the key, with what the request
// says of it.
func TestQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", queryBytes: 16", "", ""), echo("Cache-Control: max-age=60", `Etag: "a"`))
		for _, test := range []struct {
			content, contentType string
			chunked              bool
			asked                int
		}{
			{"a=1", "x", false, 1},
			{"a=1", "x", false, 0},
			{"a=1", "x", true, 0},
			{"a=1", "y", false, 1},
			{"a=2", "x", false, 1},
			{"", "x", false, 1},
			{"", "x", true, 0},
			{strings.Repeat("b", 16), "x", true, 1},
			{strings.Repeat("b", 16), "x", false, 0},
			{strings.Repeat("b", 17), "x", false, 1}, // too large: by the cache
			{strings.Repeat("b", 17), "x", false, 1},
			{strings.Repeat("b", 17), "x", true, 1},
			{strings.Repeat("c", 100_000), "x", true, 1},
			{"a=1", "x", false, 0},
		} {
			r := o.query(test.content, test.chunked, "Content-Type: "+test.contentType)
			synctest.Wait()
			want := fmt.Sprintf("QUERY %s %s <nil>", test.contentType, test.content)
			if n := o.asked(); n != test.asked || r.body != want || r.StatusCode != 200 {
				t.Errorf("%.20q of %s: %d %.40q, %s, asked %d times, want %d", test.content, test.contentType, r.StatusCode, r.body, r.status(), n, test.asked)
			}
			if large := len(test.content) > 16; large != strings.Contains(r.status(), "fwd=bypass") && large != strings.Contains(r.status(), "fwd=method") {
				t.Errorf("%.20q: %s", test.content, r.status())
			}
		}
		if r := o.query("a=1", false, "Content-Type: x", `If-None-Match: "a"`); r.StatusCode != 304 || o.asked() != 0 {
			t.Errorf("a condition: %d, %s", r.StatusCode, r.status())
		}
		// A GET for the same URL is another thing, and a POST for it ends both.
		if r := o.get("/q"); !strings.HasPrefix(r.body, "GET") {
			t.Errorf("%q", r.body)
		}
		synctest.Wait()
		o.send("POST", "/q", "Content-Length: 0")
		o.asked()
		if o.query("a=1", false, "Content-Type: x"); o.asked() != 1 {
			t.Error("an answer to QUERY has outlived a change")
		}
		synctest.Wait()
		if n := o.proxy.o.caching.queries.held.Load(); n != 0 {
			t.Errorf("%d bytes of contents are still held", n)
		}
	})
}

// TestQueryOff: queryBytes: 0 leaves them alone.
func TestQueryOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", queryBytes: 0", "", ""), echo("Cache-Control: max-age=60"))
		for range 2 {
			o.wants(o.query("a", false), 200, "QUERY  a <nil>", "levee; fwd=method", 1)
		}
	})
}

// TestQueriesShareAFetch, by their content; each gets its own, stale ones too,
// and what can't be kept goes to the service with all of its content.
func TestQueriesShareAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(caches(", staleWhileRevalidate: 10m", "", ""), "limit: 4,", "limit: 64,", 1)
		o := newOrigin(t, yaml, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			echo("Cache-Control: max-age=10")(w, r)
		})
		ask := func() {
			var all sync.WaitGroup
			for i := range 30 {
				all.Go(func() {
					content := fmt.Sprint("content ", i%3)
					if r := o.query(content, i%2 == 0); r.body != "QUERY  "+content+" <nil>" {
						t.Errorf("%q: %q, %s", content, r.body, r.status())
					}
				})
			}
			all.Wait()
			synctest.Wait()
		}
		ask()
		if n := o.asked(); n != 3 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(20 * time.Second)
		ask()
		time.Sleep(10 * time.Second) // until all are refreshed
		if n := o.asked(); n < 1 || n > 3 {
			t.Errorf("asked %d times to refresh", n)
		}
		o.says(echo("Cache-Control: private"))
		time.Sleep(time.Hour)
		for range 3 {
			ask()
		}
		if n := o.proxy.o.caching.queries.held.Load(); n != 0 {
			t.Errorf("%d bytes of contents are still held", n)
		}
	})
}

// TestQueryIsRetried as other idempotent methods are, with its content.
func TestQueryIsRetried(t *testing.T) {
	for _, route := range []string{"mode: on", "mode: off"} {
		synctest.Test(t, func(t *testing.T) {
			yaml := strings.ReplaceAll(strings.ReplaceAll(caches("", "", ""), "mode: on", route), "retry: {attempts: 0}", "retry: {attempts: 1}")
			o := newOrigin(t, yaml, nil)
			calls := 0
			o.says(func(w http.ResponseWriter, r *http.Request) {
				if calls++; calls == 1 {
					panic(http.ErrAbortHandler)
				}
				echo()(w, r)
			})
			if r := o.query("a=1", false); r.body != "QUERY  a=1 <nil>" || o.asked() != 2 {
				t.Errorf("%s: %d %q", route, r.StatusCode, r.body)
			}
		})
	}
}

// TestQueryFromASlowClient ends with its patience, and takes nothing with it.
func TestQueryFromASlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), echo())
		c := o.connect()
		fmt.Fprintf(c, "QUERY /q HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
		answer, _ := io.ReadAll(c)
		synctest.Wait()
		if n := o.asked(); n != 0 || !strings.HasPrefix(string(answer), "HTTP/1.1 408") && len(answer) > 0 {
			t.Errorf("asked %d times: %q", n, answer)
		}
		if n := o.proxy.o.caching.queries.held.Load(); n != 0 {
			t.Errorf("%d bytes of contents are still held", n)
		}
	})
}
