package cache

import (
	"testing"
	"time"
)

// hit is everything the cache decides when a stored response answers.
type hit struct {
	c    Config
	req  *Request
	p    *Policy
	dst  []byte
	want Answer
}

// newHit stores a response for a client that spells its codings so.
func newHit(t testing.TB, codings, requestLines string) *hit {
	h := &hit{c: Config{KeyHeaders: []string{"X-Tenant"}, KeyCookies: []string{"lang"}, DropQuery: []string{"utm_*"}, Unlisted: UnlistedBypass}, dst: make([]byte, 0, 256)}
	lines := "Accept: text/html\nAccept-Encoding: gzip, br\nAccept-Language: en\nUser-Agent: x\nCookie: a=b; lang=en\n" + requestLines
	h.p, _ = stored(t, &h.c, "Accept: text/html\nAccept-Encoding: "+codings+"\nAccept-Language: en",
		"Cache-Control: max-age=60, stale-if-error=60\nETag: \"a\"\nLast-Modified: {-100}\nDate: {0}\nVary: Accept, Accept-Encoding, Accept-Language")
	h.req = request(&h.c, "GET", lines)
	return h
}

func (h *hit) run(now time.Time) Verdict {
	h.c.Prepare(h.req)
	if h.req.Bypass() != ReasonNone {
		return Verdict{}
	}
	_ = h.c.Key(h.req)
	v := h.p.Reuse(h.req, &h.c, Moment{Now: now})
	h.want = h.p.Answer(h.req, 1000)
	status := Status{Cache: "levee", Hit: true, TTL: v.TTL, HasTTL: true, Detail: v.Reason}
	h.dst = status.Append(h.dst[:0])
	return v
}

// TestHitAllocatesNothing: on no way in which a stored response answers.
func TestHitAllocatesNothing(t *testing.T) {
	for _, test := range []struct {
		name, request string
		after         float64
		use           Use
		status        int
	}{
		{"plain", "", 1, UseFresh, 200},
		{"client's wishes", "Cache-Control: max-age=30, max-stale=\"5\"", 1, UseFresh, 200},
		{"the client has it", `If-None-Match: "b", "a"`, 1, UseFresh, 304},
		{"by date", "If-Modified-Since: {0}", 1, UseFresh, 304},
		{"a range", "Range: bytes=10-19", 1, UseFresh, 206},
		{"stale", "Cache-Control: max-stale", 61, UseMaxStale, 200},
		{"expired", "", 61, UseValidate, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHit(t, "br,gzip", test.request)
			now := at(test.after).Now
			if v := h.run(now); v.Use != test.use || h.want.Status != test.status {
				t.Fatalf("%+v, %+v", v, h.want)
			}
			if n := testing.AllocsPerRun(100, func() { h.run(now) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkHit(b *testing.B) {
	h, now := newHit(b, "gzip, br", ""), at(1).Now
	b.ReportAllocs()
	for b.Loop() {
		if h.run(now).Use != UseFresh {
			b.Fatal("no hit")
		}
	}
}

// BenchmarkReuse: for a client that spells its codings as the first one did, and
// for one that doesn't.
func BenchmarkReuse(b *testing.B) {
	for _, codings := range []string{"gzip, br", "br,gzip"} {
		b.Run(codings, func(b *testing.B) {
			h, when := newHit(b, codings, ""), at(1)
			b.ReportAllocs()
			for b.Loop() {
				if h.p.Reuse(h.req, &h.c, when).Use != UseFresh {
					b.Fatal("no hit")
				}
			}
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	h := newHit(b, "gzip, br", "")
	b.ReportAllocs()
	for b.Loop() {
		h.c.Prepare(h.req)
	}
}

func BenchmarkKey(b *testing.B) {
	h := newHit(b, "gzip, br", "")
	b.ReportAllocs()
	for b.Loop() {
		h.c.Key(h.req)
	}
}

func BenchmarkStore(b *testing.B) {
	h := newHit(b, "gzip, br", "")
	for _, bench := range []struct{ name, field string }{{"Cache-Control", "Cache-Control"}, {"targeted", "CDN-Cache-Control"}} {
		resp := response(200, bench.field+": max-age=60, stale-if-error=60\nETag: \"a\"\nLast-Modified: {-100}\nDate: {0}\nVary: Accept, Accept-Encoding\nContent-Type: text/html\nContent-Length: 100\nServer: x")
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !h.c.Store(h.req, resp).Store {
					b.Fatal("not stored")
				}
			}
		})
	}
}
