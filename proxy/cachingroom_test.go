package proxy

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestFetchesHaveAShareOfTheBudget: what answers take that are being fetched is
// bounded by a quarter of cache.bytes. What comes on top reaches its client
// whole, and is not stored; when there is room again, it is.
func TestFetchesHaveAShareOfTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 120 << 10
		half := strings.Repeat("x", size/2)
		yaml := caches("", "", "") + "\ncache: {bytes: 1MiB, objectBytes: 128KiB}\n"
		o := newOrigin(t, yaml, nil)
		length := "Content-Length: 122880"
		var slow []*paced
		var asked []*asking
		for _, path := range []string{"/1", "/2", "/3"} {
			p := newPaced("Cache-Control: max-age=3600", length)
			o.says(p.serve)
			slow, asked = append(slow, p), append(asked, o.ask(path))
			a := asked[len(asked)-1]
			p.step <- half
			a.begins()
			a.reads(half)
		}
		s := o.proxy.o.caching.parts.Load().fetches.Stats()
		if s.MaxBytes != 1<<18 || s.Bytes != 2*size || s.Crowded != 1 {
			t.Errorf("%+v", s)
		}
		for i, want := range []string{
			"levee; fwd=uri-miss; stored; ttl=3600", "levee; fwd=uri-miss; stored; ttl=3600", "levee; fwd=uri-miss; ttl=3600",
		} {
			if got := asked[i].resp.Header.Get("Cache-Status"); got != want {
				t.Errorf("%d says %q", i, got)
			}
			slow[i].step <- half
			close(slow[i].step)
			asked[i].ends(half)
		}
		synctest.Wait()
		if s := o.proxy.o.caching.parts.Load().fetches.Stats(); s.Bytes != 0 || s.Behind != 0 {
			t.Errorf("in the end: %+v", s)
		}
		o.asked()
		o.says(gives(half+half, "Cache-Control: max-age=3600"))
		for path, want := range map[string]string{"/1": "levee; hit; ttl=", "/2": "levee; hit; ttl=", "/3": "levee; fwd=uri-miss; stored; ttl=3600"} {
			if r := o.get(path); r.body != half+half || !strings.HasPrefix(r.status(), want) {
				t.Errorf("%s: %d bytes, %q", path, len(r.body), r.status())
			}
		}
	})
}
