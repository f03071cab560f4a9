package proxy

import (
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
