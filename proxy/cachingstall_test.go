package proxy

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestStalledFill: an answer that stands still in its middle is given up after
// the response timeout, or its key would be blocked for as long as the upstream
// likes: all who ask for it join that fetch.
func TestStalledFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", ", responseTimeout: 10s", ""), nil)
		slow := newPaced("Cache-Control: max-age=3600")
		defer close(slow.step)
		o.says(slow.serve)
		first := o.ask("/")
		first.begins()
		// Pauses that are shorter are none.
		for range 3 {
			time.Sleep(9 * time.Second)
			slow.step <- "abc"
			first.reads("abc")
		}
		second := o.ask("/")
		second.begins()
		second.reads("abcabcabc")
		if n := o.asked(); n != 1 {
			t.Fatalf("%d requests, want 1", n)
		}
		first.conn.Close()

		time.Sleep(11 * time.Second)
		if n, err := second.resp.Body.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d bytes more of what stands still", n)
		}
		o.says(gives("whole", "Cache-Control: max-age=3600"))
		o.wants(o.get("/"), 200, "whole", "levee; fwd=uri-miss; stored; ttl=3600", 1)
	})
}

// TestStalledErrors: an answer that says that the upstream failed, and then stands
// still, is given up as well: whoever asks for the same would wait for its end,
// and where something stale has answered already, nobody would ever end it.
func TestStalledErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", staleIfError: 1h", ", responseTimeout: 10s", ""), nil)
		var given atomic.Int64
		stalls := func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, "it ")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			given.Add(1)
		}
		o.says(stalls)
		begun := time.Now()
		first := o.ask("/")
		if resp := first.begins(); resp.StatusCode != 502 || time.Since(begun) > 11*time.Second {
			t.Errorf("%d after %v", resp.StatusCode, time.Since(begun))
		}
		o.says(gives("whole", "Cache-Control: max-age=60"))
		o.asked()
		o.wants(o.get("/"), 200, "whole", "levee; fwd=uri-miss; stored; ttl=60", 1)

		time.Sleep(2 * time.Minute)
		o.says(stalls)
		begun = time.Now()
		if r := o.get("/"); r.body != "whole" || time.Since(begun) > time.Second {
			t.Errorf("%q after %v, %s", r.body, time.Since(begun), r.status())
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := given.Load(); n != 2 || o.proxy.Status().Cache.Fetching != 0 {
			t.Errorf("%d of 2 were given up, and %d are fetched", n, o.proxy.Status().Cache.Fetching)
		}
	})
}
