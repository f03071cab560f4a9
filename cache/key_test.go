package cache

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestKey: what tells keys apart, and what doesn't. RFC 9111 §2, RFC 10008 §2.7.
func TestKey(t *testing.T) {
	base := Request{Method: "GET", Scheme: "http", Host: "example.com", Target: "/a?b=c&d=e", Header: header("X-Tenant: 1\nCookie: a=1; b=2\nX-Other: 1")}
	c := Config{KeyHeaders: []string{"X-Tenant"}, KeyCookies: []string{"a"}, DropQuery: []string{"utm_*", "fbclid"}}
	with := func(change func(*Request)) Request {
		r := base
		r.Header = base.Header.Clone()
		change(&r)
		return r
	}
	query := func(lines, content string) Request {
		return with(func(r *Request) {
			r.Method, r.Content = "QUERY", true
			r.ContentSum = SumContent(header(lines), []byte(content))
		})
	}
	q := query("Content-Type: a/b", "x")
	for _, test := range []struct {
		name string
		a, b Request
		same bool
	}{
		{"itself", base, base, true},
		{"HEAD and GET", base, with(func(r *Request) { r.Method = "HEAD" }), true},
		{"scheme", base, with(func(r *Request) { r.Scheme = "https" }), false},
		{"host", base, with(func(r *Request) { r.Host = "example.org" }), false},
		{"the host's case, which is sent as it is", base, with(func(r *Request) { r.Host = "Example.com" }), false},
		{"the host's port", base, with(func(r *Request) { r.Host = "example.com:80" }), false},
		{"path", base, with(func(r *Request) { r.Target = "/A?b=c&d=e" }), false},
		{"escapes aren't undone", base, with(func(r *Request) { r.Target = "/%61?b=c&d=e" }), false},
		{"dots aren't resolved", base, with(func(r *Request) { r.Target = "/./a?b=c&d=e" }), false},
		{"slashes aren't merged", base, with(func(r *Request) { r.Target = "//a?b=c&d=e" }), false},
		{"query", base, with(func(r *Request) { r.Target = "/a?b=c&d=f" }), false},
		{"the order of parameters", base, with(func(r *Request) { r.Target = "/a?d=e&b=c" }), false},
		{"an empty query", with(func(r *Request) { r.Target = "/a" }), with(func(r *Request) { r.Target = "/a?" }), false},
		{"a dropped parameter", base, with(func(r *Request) { r.Target = "/a?b=c&utm_source=x&d=e" }), true},
		{"a dropped parameter, first", base, with(func(r *Request) { r.Target = "/a?fbclid&b=c&d=e" }), true},
		{"one that only begins like it", base, with(func(r *Request) { r.Target = "/a?b=c&d=e&fbclid2=x" }), false},
		{"one that is escaped isn't it", base, with(func(r *Request) { r.Target = "/a?b=c&d=e&%66bclid=x" }), false},
		{"a key header", base, with(func(r *Request) { r.Header.Set("X-Tenant", "2") }), false},
		{"a key header that is absent", base, with(func(r *Request) { r.Header.Del("X-Tenant") }), false},
		{"a key header, empty or absent", with(func(r *Request) { r.Header.Set("X-Tenant", "") }), with(func(r *Request) { r.Header.Del("X-Tenant") }), false},
		{"a key header in two lines", base, with(func(r *Request) { r.Header.Add("X-Tenant", "1") }), false},
		{"another header", base, with(func(r *Request) { r.Header.Set("X-Other", "2") }), true},
		{"a key cookie", base, with(func(r *Request) { r.Header.Set("Cookie", "a=2; b=2") }), false},
		{"a key cookie that is absent", base, with(func(r *Request) { r.Header.Set("Cookie", "b=2") }), false},
		{"a key cookie in another place", base, with(func(r *Request) { r.Header.Set("Cookie", "b=3;a=1") }), true},
		{"a key cookie twice", base, with(func(r *Request) { r.Header.Set("Cookie", "a=1; a=2") }), false},
		{"another cookie", base, with(func(r *Request) { r.Header.Set("Cookie", "a=1; b=3") }), true},
		{"scheme and host don't run together", with(func(r *Request) { r.Scheme, r.Host = "http\x05\x00\x00\x00a", "" }), with(func(r *Request) { r.Scheme, r.Host = "http", "a\x00\x00\x00\x00" }), false},
		{"parts don't run together", with(func(r *Request) { r.Host, r.Target = "a", "b/c" }), with(func(r *Request) { r.Host, r.Target = "ab", "/c" }), false},
		{"10008 2.7 QUERY isn't GET", base, q, false},
		{"10008 2.7 the same content", q, query("Content-Type: a/b", "x"), true},
		{"10008 2.7 other content", q, query("Content-Type: a/b", "y"), false},
		{"10008 2.7 another type", q, query("Content-Type: a/c", "x"), false},
		{"10008 2.7 another coding", q, query("Content-Type: a/b\nContent-Encoding: gzip", "x"), false},
		{"10008 2.7 the type isn't content", query("Content-Type: a", "bx"), query("Content-Type: ab", "x"), false},
	} {
		if same := c.Key(&test.a) == c.Key(&test.b); same != test.same {
			t.Errorf("%s: the same key: %v", test.name, same)
		}
	}
}

// TestKeyOfLongRequest: what doesn't fit the space on the stack counts as well.
func TestKeyOfLongRequest(t *testing.T) {
	var c Config
	long := "/" + strings.Repeat("x", 5000)
	a := Request{Method: "GET", Target: long + "a"}
	b := Request{Method: "GET", Target: long + "b"}
	if c.Key(&a) == c.Key(&b) {
		t.Error("the end of a long target is not in the key")
	}
}

func TestURL(t *testing.T) {
	c := Config{DropQuery: []string{"utm_*"}}
	for target, want := range map[string]string{
		"/":                   "http://example.com/",
		"/a?b=c":              "http://example.com/a?b=c",
		"/a?":                 "http://example.com/a?",
		"/a?utm_x=1":          "http://example.com/a",
		"/a?b&utm_x=1&c=%2F#": "http://example.com/a?b&c=%2F#",
	} {
		if got := c.URL(&Request{Scheme: "http", Host: "example.com", Target: target}); got != want {
			t.Errorf("%s: %s; want %s", target, got, want)
		}
	}
}

// TestRFC10008 walks RFC 10008 §2.6 to §2.8: the answer to a QUERY is stored,
// answers QUERY alone, and takes conditions and ranges.
func TestRFC10008(t *testing.T) {
	var c Config
	query := func(lines string) *Request {
		r := request(&c, "QUERY", lines)
		r.Content, r.ContentSum = true, SumContent(r.Header, []byte("x"))
		return r
	}
	s := c.Store(query(""), response(200, "Cache-Control: max-age=60\nETag: \"a\""))
	if !s.Store {
		t.Fatal(s.Reason)
	}
	if got := s.Policy.Reuse(query(""), &c, at(1)); got.Use != UseFresh {
		t.Errorf("2.7 QUERY: %+v", got)
	}
	if got := s.Policy.Reuse(request(&c, "GET", ""), &c, at(1)); got.Use != UseNothing {
		t.Errorf("2.7 GET: %+v", got)
	}
	if got := s.Policy.Answer(query("If-None-Match: \"a\""), 10); got.Status != 304 {
		t.Errorf("2.6: %+v", got)
	}
	if got := s.Policy.Answer(query("Range: bytes=0-1"), 10); got.Status != 206 {
		t.Errorf("2.8: %+v", got)
	}
	if got := c.Store(request(&c, "QUERY", ""), response(200, "Cache-Control: max-age=60")); got.Reason != ReasonMethod {
		t.Errorf("2.7 without its content in the key: %+v", got)
	}
}

// TestUnlisted: which fields let one client choose what others get, and what
// becomes of a request with one.
func TestUnlisted(t *testing.T) {
	c := Config{AllowHeaders: []string{"X-Region"}, KeyHeaders: []string{"X-Tenant"}}
	for name, want := range map[string]bool{
		"Accept": true, "Cookie": true, "Referer": true, "Sec-Fetch-Mode": true, "Sec-Ch-Ua": true, "X-B3-Traceid": true, "Traceparent": true,
		"X-Region": true, "X-Tenant": true, "X-Other": false, "X-Original-Url": false, "X-Forwarded-Scheme": false, "X-Http-Method-Override": false,
	} {
		if name != http.CanonicalHeaderKey(name) || c.Listed(name) != want {
			t.Errorf("%s is listed: %v", name, !want)
		}
		for _, unlisted := range []Unlisted{UnlistedPass, UnlistedBypass, UnlistedDrop} {
			c.Unlisted = unlisted
			h := http.Header{"Accept": {"x"}, name: {"x"}}
			r := Request{Method: "GET", Header: h}
			c.Prepare(&r)
			if bypassed := r.Bypass() == ReasonUnlisted; bypassed != (!want && unlisted == UnlistedBypass) {
				t.Errorf("%s, %d: bypass %v", name, unlisted, r.Bypass())
			}
			c.DropUnlisted(h)
			if _, there := h[name]; there != (want || unlisted != UnlistedDrop) || h["Accept"] == nil {
				t.Errorf("%s, %d: %v", name, unlisted, h)
			}
		}
	}
}

// TestKnownFieldsAreCanonical reads the names off the source: one in another form
// would never be met.
func TestKnownFieldsAreCanonical(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "requestheader.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	ast.Inspect(file, func(n ast.Node) bool {
		clause, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range clause.List {
			name, err := strconv.Unquote(e.(*ast.BasicLit).Value)
			if err != nil || name != http.CanonicalHeaderKey(name) || !known(name) {
				t.Errorf("%s is never met", name)
			}
			names++
		}
		return true
	})
	if names < 50 {
		t.Errorf("only %d were found", names)
	}
}

func TestSumContent(t *testing.T) {
	if SumContent(http.Header{}, nil) == (Request{}).ContentSum {
		t.Error("no content is like none known")
	}
}

// TestKeyOfForwarded: of what a trusted peer forwards, all counts but addresses.
func TestKeyOfForwarded(t *testing.T) {
	c := Config{KeyForwarded: true}
	key := func(lines ...string) Key {
		return c.Key(&Request{Method: "GET", Scheme: "http", Host: "example.com", Target: "/", Header: http.Header{"Forwarded": lines}})
	}
	for _, test := range []struct {
		a, b []string
		same bool
	}{
		{nil, []string{"for=192.0.2.1"}, true},
		{[]string{"for=192.0.2.1;host=a"}, []string{`For="[2001:db8::1]"; by=x ;host=a`}, true},
		{[]string{"for=192.0.2.1, for=192.0.2.2"}, []string{"for=192.0.2.3"}, true},
		{[]string{"for=192.0.2.1, host=a"}, []string{"for=192.0.2.1", "host=a"}, true},
		{nil, []string{"host=evil.example"}, false},
		{[]string{"host=a"}, []string{"host=b"}, false},
		{[]string{"host=a;proto=http"}, []string{"host=a;proto=https"}, false},
		{[]string{"host=a;host=b"}, []string{"host=b;host=a"}, false},
		{nil, []string{`for="x;host=evil.example`}, false}, // where does the string end?
		{nil, []string{`for="x\";host=evil.example`}, false},
		{[]string{`for="x;host=a"`}, []string{`for="x;host=b"`}, true},
		{[]string{`host="a,b"`}, []string{`host="a","b"`}, false},
		{nil, []string{"host"}, false},
		{nil, []string{"for =x;host=evil.example"}, false},
	} {
		if same := key(test.a...) == key(test.b...); same != test.same {
			t.Errorf("%q and %q: %v", test.a, test.b, same)
		}
	}
}
