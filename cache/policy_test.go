package cache

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// TestPolicyIsShared: concurrent hits read one policy and one header, which
// nothing changes; the race detector watches.
func TestPolicyIsShared(t *testing.T) {
	var c Config
	p, h := stored(t, &c, "Accept: x", "Cache-Control: max-age=60, stale-if-error=60\nETag: \"a\"\nVary: Accept\nCache-Groups: \"g\"")
	before, size := h.Clone(), p.Size()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := request(&c, "GET", "Accept: x\nIf-None-Match: \"a\"")
			for range 200 {
				when := at(float64(i * 20))
				when.Trouble = Failed
				if v := p.Reuse(r, &c, when); v.Use.Answers() != (i <= 6) {
					t.Errorf("after %d s: %+v", i*20, v)
				}
				a := p.Answer(r, 10)
				own := h.Clone()
				a.SetHeader(own, time.Second, "")
				answer := response(304, "ETag: \"a\"\nX-A: 1")
				if f := c.Freshen(r, p, h, answer); !f.Store || f.Header.Get("X-A") != "1" {
					t.Errorf("%+v", f)
				}
				p.Conditions(own)
			}
		})
	}
	wg.Wait()
	if !equal(h, before) || p.Size() != size {
		t.Errorf("%v; want %v", h, before)
	}
}

// TestPolicySize: what is stored for a policy is counted.
func TestPolicySize(t *testing.T) {
	var c Config
	small, _ := stored(t, &c, "", "Cache-Control: max-age=60")
	if got := small.Size(); got != int(unsafe.Sizeof(Policy{})) {
		t.Errorf("%d bytes", got)
	}
	large, _ := stored(t, &c, "Accept: "+strings.Repeat("x", 1000), "Cache-Control: max-age=60\nVary: Accept\nETag: \"12345\"\nCache-Groups: \"group\"")
	if got := large.Size() - small.Size(); got < 1000+len("Accept")+len(`"12345"`)+len("group") || got > 1200 {
		t.Errorf("%d bytes more", got)
	}
}

// TestPolicyTimes: when a response came and when it expires.
func TestPolicyTimes(t *testing.T) {
	var c Config
	p, _ := stored(t, &c, "", "Cache-Control: max-age=60\nAge: 10")
	if !p.Received().Equal(t0) || !p.Expires().Equal(t0.Add(50*time.Second)) {
		t.Errorf("received %v, expires %v", p.Received(), p.Expires())
	}
	if p.FreshFor(p.Expires()) != 0 {
		t.Errorf("fresh for %v when it expires", p.FreshFor(p.Expires()))
	}
}

// TestVaryBounds: what is kept of requests has bounds, and so has the sorting of
// codings; beyond them nothing is taken for the same that isn't.
func TestVaryBounds(t *testing.T) {
	var c Config
	long := "Accept: " + strings.Repeat("x", maxVaryBytes)
	if s := c.Store(request(&c, "GET", long), response(200, "Cache-Control: max-age=60\nVary: Accept")); s.Reason != ReasonVaryTooMuch {
		t.Errorf("a long value: %v", s.Reason)
	}
	for _, test := range []struct {
		name, a, b string
		want       bool
	}{
		{"many, in another order", strings.Repeat("a,", 20) + "b", "b," + strings.Repeat("a,", 20), false},
		{"many, the same", strings.Repeat("a,", 20) + "b", strings.Repeat("A ,", 20) + "b", true},
		{"long, in another order", strings.Repeat("a", 300) + ",b", "b," + strings.Repeat("a", 300), false},
		{"long, the same", strings.Repeat("a", 300) + ",b", strings.Repeat("A", 300) + ", b", true},
	} {
		p, _ := stored(t, &c, "Accept-Encoding: "+test.a, "Cache-Control: max-age=60\nVary: Accept-Encoding")
		if got := p.Matches(request(&c, "GET", "Accept-Encoding: "+test.b)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestQuotedStrings walks RFC 9110 §5.6.4.
func TestQuotedStrings(t *testing.T) {
	for s, want := range map[string]string{
		`"a"`: "a", `""`: "", `"a\"b\\c"`: `a"b\c`, "\"a\tb\"": "a\tb",
		`a`: "-", `"`: "-", `"a`: "-", `"a"b`: "-", `"a\`: "-", "\"a\x00\"": "-", "\"a\x7f\"": "-",
	} {
		if got, ok := unquote(s); ok != (want != "-") || ok && got != want {
			t.Errorf("%q: %q, %v", s, got, ok)
		}
	}
}

// TestPolicyHoldsNoHeader: a response's header often is one text, of which each
// value is a part. What is stored of it must not keep the rest.
func TestPolicyHoldsNoHeader(t *testing.T) {
	head := strings.Repeat("x", 1<<10) + `"tag"` + "Accept-Encoding"
	part := func(of string) string { i := strings.Index(head, of); return head[i : i+len(of)] }
	resp := &Response{Status: 200, Requested: t0, Received: t0, Header: http.Header{
		"Cache-Control": {"max-age=60"}, "Etag": {part(`"tag"`)}, "Vary": {part("Accept-Encoding")},
	}}
	c := Config{}
	s := c.Store(request(&c, "GET", "Accept-Encoding: gzip"), resp)
	if !s.Store || s.Policy.etag.opaque != `"tag"` || len(s.Policy.selectors) != 1 {
		t.Fatalf("%+v", s)
	}
	from := uintptr(unsafe.Pointer(unsafe.StringData(head)))
	for _, held := range []string{s.Policy.etag.opaque, s.Policy.selectors[0].name} {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(held))); at >= from && at < from+uintptr(len(head)) {
			t.Errorf("%q is a part of the header", held)
		}
	}
}
