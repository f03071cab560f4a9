package cache

import (
	"net/http"
	"testing"
	"time"
)

// TestRFC9111Store walks RFC 9111's rules on what may be stored. A case is
// named by the section that decides it.
func TestRFC9111Store(t *testing.T) {
	const ok = ReasonNone
	for _, test := range []struct {
		name     string
		method   string
		request  string
		status   int
		response string
		want     Reason
	}{
		{"3 explicit freshness", "GET", "", 200, "Cache-Control: max-age=60", ok},
		{"3 Expires", "GET", "", 200, "Date: {0}\nExpires: {60}", ok},
		{"3 s-maxage", "GET", "", 200, "Cache-Control: s-maxage=60", ok},
		{"3 method: HEAD updates only", "HEAD", "", 200, "Cache-Control: max-age=60", ReasonHead},
		{"3 method: POST", "POST", "", 200, "Cache-Control: max-age=60\nContent-Location: /a?b=c", ReasonMethod},
		{"3 method: PUT", "PUT", "", 200, "Cache-Control: max-age=60", ReasonMethod},
		{"3 method: unknown", "BREW", "", 200, "Cache-Control: max-age=60", ReasonMethod},
		{"3 method: names have a case", "get", "", 200, "Cache-Control: max-age=60", ReasonMethod},
		{"3 status isn't final", "GET", "", 103, "Cache-Control: max-age=60", ReasonStatus},
		{"3 status out of range", "GET", "", 600, "Cache-Control: max-age=60", ReasonStatus},
		{"3 unknown status with freshness", "GET", "", 299, "Cache-Control: max-age=60", ok},
		{"3 unknown error with freshness", "GET", "", 599, "Cache-Control: max-age=60", ok},
		{"3 error with freshness", "GET", "", 503, "Cache-Control: max-age=60", ok},
		{"3 redirect with freshness", "GET", "", 302, "Cache-Control: max-age=60", ok},
		{"3 304 isn't for storing", "GET", "", 304, "Cache-Control: max-age=60", ReasonStatus},
		{"3 412 is about the request", "GET", "If-Match: \"a\"", 412, "Cache-Control: max-age=60", ReasonStatus},
		{"3 416 is about the request", "GET", "Range: bytes=9-", 416, "Cache-Control: max-age=60", ReasonStatus},
		{"RFC 6585 3: 428", "GET", "", 428, "Cache-Control: max-age=60", ReasonStatus},
		{"RFC 6585 4: 429", "GET", "", 429, "Cache-Control: public, max-age=60", ReasonStatus},
		{"RFC 6585 5: 431", "GET", "", 431, "Cache-Control: max-age=60", ReasonStatus},
		{"RFC 6585 6: 511", "GET", "", 511, "Cache-Control: max-age=60", ReasonStatus},
		{"3.3 a part", "GET", "Range: bytes=0-4", 206, "Cache-Control: max-age=60\nContent-Range: bytes 0-4/10", ReasonPartial},
		{"3 Range answered whole", "GET", "Range: bytes=0-4", 200, "Cache-Control: max-age=60", ok},

		{"3 by status: 200", "GET", "", 200, "ETag: \"a\"", ok},
		{"3 by status: 203", "GET", "", 203, "ETag: \"a\"", ok},
		{"3 by status: 204", "GET", "", 204, "ETag: \"a\"", ok},
		{"3 by status: 301", "GET", "", 301, "ETag: \"a\"", ok},
		{"3 by status: 404", "GET", "", 404, "ETag: \"a\"", ok},
		{"3 by status: 501", "GET", "", 501, "ETag: \"a\"", ok},
		{"3 not by status: 201", "GET", "", 201, "ETag: \"a\"", ReasonNotExplicit},
		{"3 not by status: 302", "GET", "", 302, "ETag: \"a\"", ReasonNotExplicit},
		{"3 not by status: 403", "GET", "", 403, "ETag: \"a\"", ReasonNotExplicit},
		{"3 not by status: 500", "GET", "", 500, "ETag: \"a\"", ReasonNotExplicit},
		{"3 public makes any status storable", "GET", "", 599, "Cache-Control: public\nLast-Modified: {-1000}", ok},
		{"3 neither freshness nor validator", "GET", "", 200, "Content-Type: text/plain", ReasonNothingToGain},
		{"3 expired on arrival, no validator", "GET", "", 200, "Cache-Control: max-age=60\nAge: 60", ReasonNothingToGain},
		{"3 max-age=0, no validator", "GET", "", 200, "Cache-Control: max-age=0", ReasonNothingToGain},
		{"3 max-age=0, validator", "GET", "", 200, "Cache-Control: max-age=0\nETag: \"a\"", ok},
		{"3 max-age=0, a window", "GET", "", 200, "Cache-Control: max-age=0, stale-while-revalidate=60", ok},
		{"3 a window that must-revalidate closes", "GET", "", 200, "Cache-Control: max-age=0, stale-if-error=60, must-revalidate", ReasonNothingToGain},

		{"5.2.1.5 request no-store", "GET", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", ReasonRequestStore},
		{"5.2.2.5 no-store", "GET", "", 200, "Cache-Control: no-store, max-age=60", ReasonNoStore},
		{"5.2.2.5 no-store, in any case", "GET", "", 200, "Cache-Control: max-age=60, nO-StOrE", ReasonNoStore},
		{"5.2.2.5 no-store in a second line", "GET", "", 200, "Cache-Control: max-age=60\nCache-Control: no-store", ReasonNoStore},
		{"5.2.2.5 no-store with an argument", "GET", "", 200, "Cache-Control: max-age=60, no-store=1", ReasonNoStore},
		{"5.2.2.5 no-store in a quoted string is none", "GET", "", 200, "Cache-Control: max-age=60, x=\"no-store\"", ok},
		{"5.2.2.5 no-store beats public", "GET", "", 200, "Cache-Control: public, no-store, max-age=60", ReasonNoStore},
		{"5.2.2.3 must-understand outdoes no-store", "GET", "", 200, "Cache-Control: no-store, must-understand, max-age=60", ok},
		{"5.2.2.3 must-understand, unknown status", "GET", "", 299, "Cache-Control: no-store, must-understand, max-age=60", ReasonStatus},
		{"5.2.2.3 must-understand alone, unknown status", "GET", "", 299, "Cache-Control: must-understand, max-age=60", ReasonStatus},
		{"5.2.2.3 with an argument it is another directive", "GET", "", 200, "Cache-Control: no-store, must-understand=x, max-age=60", ReasonNoStore},
		{"5.2.2.4 no-cache with a validator", "GET", "", 200, "Cache-Control: no-cache\nETag: \"a\"", ok},
		{"5.2.2.4 no-cache without one", "GET", "", 200, "Cache-Control: no-cache, max-age=60", ReasonNothingToGain},
		{"5.2.2.7 private", "GET", "", 200, "Cache-Control: private, max-age=60", ReasonPrivate},
		{"5.2.2.7 private beats public", "GET", "", 200, "Cache-Control: private, public, max-age=60", ReasonPrivate},
		{"5.2.2.7 private for a field", "GET", "", 200, "Cache-Control: private=\"x-user\", max-age=60\nX-User: me", ok},
		{"5.2.2.7 private for a field, token", "GET", "", 200, "Cache-Control: private=x-user, max-age=60\nX-User: me", ok},
		{"5.2.2.7 private for nothing", "GET", "", 200, "Cache-Control: private=\"\", max-age=60", ReasonPrivate},
		{"5.2.2.7 private for what can't be named", "GET", "", 200, "Cache-Control: private=\"a b\", max-age=60", ReasonPrivate},
		{"5.2.2.7 private for what the rest needs", "GET", "", 200, "Cache-Control: private=\"Content-Type\", max-age=60", ReasonPrivate},

		{"3.5 Authorization", "GET", "Authorization: Basic x", 200, "Cache-Control: max-age=60", ReasonAuthorization},
		{"3.5 Authorization, Expires", "GET", "Authorization: Basic x", 200, "Date: {0}\nExpires: {60}", ReasonAuthorization},
		{"3.5 Authorization, public", "GET", "Authorization: Basic x", 200, "Cache-Control: public, max-age=60", ok},
		{"3.5 Authorization, must-revalidate", "GET", "Authorization: Basic x", 200, "Cache-Control: must-revalidate, max-age=60", ok},
		{"3.5 Authorization, s-maxage", "GET", "Authorization: Basic x", 200, "Cache-Control: s-maxage=60", ok},
		{"3.5 Authorization, s-maxage that can't be read", "GET", "Authorization: Basic x", 200, "Cache-Control: s-maxage=x\nETag: \"a\"", ReasonAuthorization},
		{"3.5 Authorization, proxy-revalidate", "GET", "Authorization: Basic x", 200, "Cache-Control: proxy-revalidate, max-age=60", ReasonAuthorization},
		{"3.5 Authorization, empty", "GET", "Authorization:", 200, "Cache-Control: max-age=60", ReasonAuthorization},

		{"7.3 Set-Cookie", "GET", "", 200, "Cache-Control: max-age=60\nSet-Cookie: a=b", ReasonSetCookie},
		{"7.3 Set-Cookie, s-maxage", "GET", "", 200, "Cache-Control: s-maxage=60\nSet-Cookie: a=b", ReasonSetCookie},
		{"7.3 Set-Cookie, public", "GET", "", 200, "Cache-Control: public, max-age=60\nSet-Cookie: a=b", ok},
		{"7.3 Set-Cookie, public with an argument", "GET", "", 200, "Cache-Control: public=x, max-age=60\nSet-Cookie: a=b", ReasonSetCookie},
		{"7.3 Set-Cookie that is left out", "GET", "", 200, "Cache-Control: no-cache=\"Set-Cookie\", max-age=60\nSet-Cookie: a=b", ok},
		{"7.3 a request's cookies don't matter", "GET", "Cookie: a=b", 200, "Cache-Control: max-age=60", ok},

		{"4.1 Vary: *", "GET", "", 200, "Cache-Control: max-age=60\nVary: *", ReasonVaryAny},
		{"4.1 Vary: a, *", "GET", "", 200, "Cache-Control: max-age=60\nVary: a, *", ReasonVaryAny},
		{"4.1 Vary in two lines", "GET", "", 200, "Cache-Control: max-age=60\nVary: a\nVary: *", ReasonVaryAny},
		{"4.1 Vary: what is no name", "GET", "", 200, "Cache-Control: max-age=60\nVary: a b", ReasonVaryAny},
		{"4.1 Vary: too many", "GET", "", 200, "Cache-Control: max-age=60\nVary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", ReasonVaryTooMuch},
		{"4.1 Vary", "GET", "", 200, "Cache-Control: max-age=60\nVary: Accept-Encoding", ok},

		{"5.2 a quote that never ends hides nothing", "GET", "", 200, "Cache-Control: max-age=60, x=\"a, no-store", ReasonMalformed},
		{"5.2 a missing comma hides nothing", "GET", "", 200, "Cache-Control: max-age=60 no-store", ReasonMalformed},
		{"3.1 Connection takes Vary away", "GET", "", 200, "Cache-Control: max-age=60\nVary: Accept\nConnection: close, vary", ReasonMalformed},
		{"5.2 semicolons", "GET", "", 200, "Cache-Control: max-age=60; private", ReasonMalformed},
		{"5.2 space before =", "GET", "", 200, "Cache-Control: max-age =60", ReasonMalformed},
		{"5.2 space after =", "GET", "", 200, "Cache-Control: max-age= 60", ReasonMalformed},
		{"5.2 empty members", "GET", "", 200, "Cache-Control: ,, max-age=60,", ok},
		{"5.2 unknown directives", "GET", "", 200, "Cache-Control: foobar, max-age=60, x=\"a, b\", y=z", ok},
		{"5.4 Pragma of a response means nothing", "GET", "", 200, "Cache-Control: max-age=60\nPragma: no-cache", ok},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			got := c.Store(request(&c, test.method, test.request), response(test.status, test.response))
			if got.Reason != test.want || got.Store != (test.want == ReasonNone) {
				t.Errorf("stored %v, %v; want %v", got.Store, got.Reason, test.want)
			}
		})
	}
}

// TestStoreByConfiguration: what a route adds to what the origin says.
func TestStoreByConfiguration(t *testing.T) {
	plain := "Content-Type: text/plain"
	for _, test := range []struct {
		name     string
		config   Config
		request  string
		status   int
		response string
		want     Reason
		lifetime time.Duration
	}{
		{"default lifetime", Config{DefaultTTL: 5 * time.Second}, "", 200, plain, ReasonNone, 5 * time.Second},
		{"it is no word against the origin's", Config{DefaultTTL: 5 * time.Second}, "", 200, "Cache-Control: max-age=1", ReasonNone, time.Second},
		{"nor against one that can't be read", Config{DefaultTTL: 5 * time.Second}, "", 200, "Cache-Control: max-age=x\nETag: \"a\"", ReasonNone, 0},
		{"it goes before the heuristic", Config{DefaultTTL: 5 * time.Second}, "", 200, "Date: {0}\nLast-Modified: {-1000}", ReasonNone, 5 * time.Second},
		{"the longest heuristic lifetime", Config{HeuristicMax: time.Minute}, "", 200, "Date: {0}\nLast-Modified: {-10000}", ReasonNone, time.Minute},
		{"it isn't for errors", Config{DefaultTTL: 5 * time.Second}, "", 404, plain, ReasonNothingToGain, 0},
		{"nor for what §3 forbids", Config{DefaultTTL: 5 * time.Second}, "", 201, plain, ReasonNotExplicit, 0},
		{"negative caching", Config{NegativeTTL: time.Second, NegativeStatuses: []int{404, 410}}, "", 404, plain, ReasonNone, time.Second},
		{"negative caching, another status", Config{NegativeTTL: time.Second, NegativeStatuses: []int{410}}, "", 404, plain, ReasonNothingToGain, 0},
		{"negative caching of a private 404", Config{NegativeTTL: time.Second, NegativeStatuses: []int{404}}, "", 404, "Cache-Control: private", ReasonPrivate, 0},
		{"clients' words don't count", Config{IgnoreClients: true}, "Cache-Control: no-store", 200, "Cache-Control: max-age=60", ReasonNone, time.Minute},
		{"a route's window isn't leave to store", Config{StaleIfError: time.Hour}, "", 200, plain, ReasonNothingToGain, 0},
		{"unless freshness is spoken of", Config{StaleIfError: time.Hour}, "", 200, "Cache-Control: max-age=0", ReasonNone, 0},
		{"last known good is", Config{LastKnownGood: time.Hour}, "", 200, plain, ReasonNone, 0},
		{"last known good of an error isn't", Config{LastKnownGood: time.Hour}, "", 501, plain, ReasonNothingToGain, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.config.Store(request(&test.config, "GET", test.request), response(test.status, test.response))
			if got.Reason != test.want || got.Policy.lifetime != test.lifetime {
				t.Errorf("%v, fresh for %v; want %v, %v", got.Reason, got.Policy.lifetime, test.want, test.lifetime)
			}
		})
	}
}

// TestRFC9111StoredHeader: §3.1, and the fields that §5.2.2.4 and §5.2.2.7 name.
func TestRFC9111StoredHeader(t *testing.T) {
	from := `
		Cache-Control: max-age=60, no-cache="a, B", private=c
		A: 1
		B: 2
		C: 3
		D: 4
		E: 5
		Connection: close, e
		Keep-Alive: timeout=5
		Proxy-Authenticate: Basic
		Proxy-Authentication-Info: x
		Proxy-Connection: keep-alive
		Transfer-Encoding: chunked
		Te: trailers
		Trailer: x
		Upgrade: h2c
		Age: 3
		Content-Type: text/plain
		X-Frame-Options: deny`
	_, got := stored(t, &Config{}, "", from)
	for name := range header(from) {
		want := name == "Cache-Control" || name == "D" || name == "Content-Type" || name == "X-Frame-Options"
		if _, ok := got[name]; ok != want {
			t.Errorf("%s is stored: %v; want %v", name, ok, want)
		}
	}
}

// TestBypass: where the cache takes no part.
func TestBypass(t *testing.T) {
	sum := SumContent(http.Header{}, []byte("x"))
	for _, test := range []struct {
		name string
		r    Request
		want Reason
	}{
		{"GET", Request{Method: "GET"}, ReasonNone},
		{"HEAD", Request{Method: "HEAD"}, ReasonNone},
		{"GET with content", Request{Method: "GET", Content: true}, ReasonRequestBody},
		{"HEAD with content", Request{Method: "HEAD", Content: true}, ReasonRequestBody},
		{"POST", Request{Method: "POST"}, ReasonMethod},
		{"RFC 10008 2.7: QUERY with its content in the key", Request{Method: "QUERY", Content: true, ContentSum: sum}, ReasonNone},
		{"RFC 10008 2.7: QUERY without", Request{Method: "QUERY", Content: true}, ReasonMethod},
	} {
		if got := test.r.Bypass(); got != test.want {
			t.Errorf("%s: %v; want %v", test.name, got, test.want)
		}
	}
}

// TestSupersedes: what takes the place of what.
func TestSupersedes(t *testing.T) {
	var c Config
	policy := func(c *Config, status int, lines string) *Policy {
		s := c.Store(request(c, "GET", ""), response(status, lines))
		if !s.Store {
			t.Fatalf("%d %s: %v", status, lines, s.Reason)
		}
		return &s.Policy
	}
	good := policy(&c, 200, "Date: {0}\nCache-Control: max-age=10, stale-if-error=60")
	for _, test := range []struct {
		name  string
		new   *Policy
		after float64
		want  bool
	}{
		{"newer", policy(&c, 200, "Date: {1}\nCache-Control: max-age=10"), 5, true},
		{"4: older than one that is fresh", policy(&c, 200, "Date: {-1}\nCache-Control: max-age=10"), 5, false},
		{"older than one that has expired", policy(&c, 200, "Date: {-1}\nCache-Control: max-age=20"), 15, true},
		{"an error, while the old one is fresh", policy(&c, 503, "Date: {1}\nCache-Control: max-age=10"), 5, false},
		{"an error, while the old one may stand in", policy(&c, 503, "Date: {15}\nCache-Control: max-age=10"), 15, false},
		{"an error, when it no longer may", policy(&c, 503, "Date: {75}\nCache-Control: max-age=100"), 75, true},
		{"404 is no error of the service", policy(&c, 404, "Date: {1}\nCache-Control: max-age=10"), 5, true},
	} {
		if got := test.new.Supersedes(good, &c, at(test.after).Now); got != test.want {
			t.Errorf("%s: %v; want %v", test.name, got, test.want)
		}
	}
}

func TestWhole(t *testing.T) {
	for _, test := range []struct {
		declared, received int64
		ended, want        bool
	}{
		{10, 10, true, true},
		{10, 9, true, false},
		{10, 11, true, false},
		{10, 10, false, false},
		{-1, 9, true, true},
		{-1, 9, false, false},
		{0, 0, true, true},
	} {
		if got := Whole(test.declared, test.received, test.ended); got != test.want {
			t.Errorf("Whole(%d, %d, %v) = %v", test.declared, test.received, test.ended, got)
		}
	}
}
