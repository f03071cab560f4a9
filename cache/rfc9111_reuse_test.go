package cache

import (
	"testing"
	"time"
)

// TestRFC9111Reuse walks §4, §4.2.4, §5.2.1 and §5.2.2, RFC 5861 and RFC 8246:
// what is done with a stored response in calm and in trouble.
func TestRFC9111Reuse(t *testing.T) {
	const (
		fresh    = UseFresh
		validate = UseValidate
		nothing  = UseNothing
		swr      = UseStaleWhileRevalidate
		sie      = UseStaleIfError
		soo      = UseStaleOnOverload
		lkg      = UseLastKnownGood
		maxStale = UseMaxStale
	)
	hour := Config{StaleWhileRevalidate: time.Hour, StaleIfError: time.Hour, StaleOnOverload: time.Hour, LastKnownGood: time.Hour}
	for _, test := range []struct {
		name     string
		config   Config
		response string // all with an ETag
		request  string
		after    float64 // seconds
		// in calm, after a failure, and when it would be refused
		calm, failed, overloaded Use
	}{
		{"4.2 fresh", Config{}, "Cache-Control: max-age=60", "", 59, fresh, fresh, fresh},
		{"4.2 not at the end of its lifetime", Config{}, "Cache-Control: max-age=60", "", 60, validate, nothing, nothing},
		{"4.2 Age counts", Config{}, "Cache-Control: max-age=60\nAge: 60", "", 0, validate, nothing, nothing},
		{"4.2.4 stale without leave", Config{}, "Cache-Control: max-age=60", "", 61, validate, nothing, nothing},
		{"4.2.4 stale with leave", hour, "Cache-Control: max-age=60", "", 61, swr, sie, soo},

		{"5.2.2.2 must-revalidate while fresh", hour, "Cache-Control: max-age=60, must-revalidate", "", 59, fresh, fresh, fresh},
		{"5.2.2.2 must-revalidate", hour, "Cache-Control: max-age=60, must-revalidate", "", 61, validate, nothing, nothing},
		{"5.2.2.2 must-revalidate beats the origin's own windows", hour, "Cache-Control: max-age=60, must-revalidate, stale-if-error=600", "", 61, validate, nothing, nothing},
		{"5.2.2.2 must-revalidate beats max-stale", hour, "Cache-Control: max-age=60, must-revalidate", "Cache-Control: max-stale", 61, validate, nothing, nothing},
		{"5.2.2.8 proxy-revalidate", hour, "Cache-Control: max-age=60, proxy-revalidate", "", 61, validate, nothing, nothing},
		{"5.2.2.10 s-maxage", hour, "Cache-Control: s-maxage=60", "", 61, validate, nothing, nothing},
		{"5.2.2.10 s-maxage that can't be read", hour, "Cache-Control: s-maxage=x", "", 0, validate, nothing, nothing},
		{"5.2.2.4 no-cache", hour, "Cache-Control: max-age=60, no-cache", "", 1, validate, nothing, nothing},
		{"5.2.2.4 no-cache beats max-stale", hour, "Cache-Control: max-age=60, no-cache", "Cache-Control: max-stale", 1, validate, nothing, nothing},
		{"5.2.2.4 no-cache for a field", hour, "Cache-Control: max-age=60, no-cache=\"x-a\"", "", 1, fresh, fresh, fresh},
		{"5.2.2.4 no-cache for nothing is for all", hour, "Cache-Control: max-age=60, no-cache=\"\"", "", 1, validate, nothing, nothing},
		{"5.2.2.4 no-cache with and without a field", hour, "Cache-Control: max-age=60, no-cache=\"x-a\", no-cache", "", 1, validate, nothing, nothing},
		{"4.2.1 freshness that can't be read is none", Config{}, "Cache-Control: max-age=x", "", 0, validate, nothing, nothing},

		{"5861 3 stale-while-revalidate", Config{}, "Cache-Control: max-age=60, stale-while-revalidate=30", "", 90, swr, swr, swr},
		{"5861 3 beyond it", Config{}, "Cache-Control: max-age=60, stale-while-revalidate=30", "", 91, validate, nothing, nothing},
		{"5861 3 of an expired response", Config{}, "Cache-Control: max-age=60, stale-while-revalidate=30\nAge: 80", "", 0, swr, swr, swr},
		{"5861 3 a response's none beats the route's", hour, "Cache-Control: max-age=60, stale-while-revalidate=0", "", 61, validate, sie, soo},
		{"5861 3 one that can't be read is none", hour, "Cache-Control: max-age=60, stale-while-revalidate=x", "", 61, validate, sie, soo},
		{"5861 4 stale-if-error", Config{}, "Cache-Control: max-age=60, stale-if-error=30", "", 90, validate, sie, sie},
		{"5861 4 beyond it", Config{}, "Cache-Control: max-age=60, stale-if-error=30", "", 91, validate, nothing, nothing},
		{"5861 4 the client's", Config{}, "Cache-Control: max-age=60", "Cache-Control: stale-if-error=30", 90, validate, sie, sie},
		{"5861 4 the client's, beyond it", Config{}, "Cache-Control: max-age=60", "Cache-Control: stale-if-error=30", 91, validate, nothing, nothing},
		{"5861 4 the client's can't beat must-revalidate", Config{}, "Cache-Control: max-age=60, must-revalidate", "Cache-Control: stale-if-error=30", 61, validate, nothing, nothing},
		{"stale-on-overload in its field", Config{}, "Levee-Cache-Control: max-age=60, stale-on-overload=30", "", 90, validate, nothing, soo},
		{"stale-on-overload, beyond it", Config{}, "Levee-Cache-Control: max-age=60, stale-on-overload=30", "", 91, validate, nothing, nothing},
		{"stale-on-overload is no word of other fields", Config{}, "Cache-Control: max-age=60, stale-on-overload=30", "", 61, validate, nothing, nothing},
		{"stale-on-overload is no word of others' fields", Config{}, "CDN-Cache-Control: max-age=60, stale-on-overload=30", "", 61, validate, nothing, nothing},
		{"stale-on-overload=0 beats the route's", Config{StaleOnOverload: time.Hour}, "Levee-Cache-Control: max-age=60, stale-on-overload=0", "", 61, validate, nothing, nothing},
		{"stale-on-overload of the route", Config{StaleOnOverload: time.Minute}, "Cache-Control: max-age=60", "", 90, validate, nothing, soo},
		{"last known good", Config{LastKnownGood: time.Hour}, "Cache-Control: max-age=60", "", 3600, validate, lkg, lkg},
		{"last known good, too old", Config{LastKnownGood: time.Hour}, "Cache-Control: max-age=60", "", 3601, validate, nothing, nothing},
		{"last known good counts Age", Config{LastKnownGood: time.Hour}, "Cache-Control: max-age=60\nAge: 3600", "", 1, validate, nothing, nothing},
		{"last known good and must-revalidate", Config{LastKnownGood: time.Hour}, "Cache-Control: max-age=60, must-revalidate", "", 61, validate, nothing, nothing},
		{"last known good without freshness", Config{LastKnownGood: time.Hour}, "", "", 61, validate, lkg, lkg},

		{"5.2.1.1 max-age", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-age=10", 11, validate, fresh, fresh},
		{"5.2.1.1 max-age, young enough", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-age=10", 10, fresh, fresh, fresh},
		{"5.2.1.1 max-age counts Age", Config{}, "Cache-Control: max-age=60\nAge: 11", "Cache-Control: max-age=10", 0, validate, fresh, fresh},
		{"5.2.1.1 max-age=0", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-age=0", 0, validate, fresh, fresh},
		{"5.2.1.1 max-age that can't be read", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-age=x", 0, validate, fresh, fresh},
		{"5.2.1.1 max-age wants nothing stale", hour, "Cache-Control: max-age=60", "Cache-Control: max-age=600", 61, validate, sie, soo},
		{"5.2.1.2 max-stale", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-stale=10", 70, maxStale, maxStale, maxStale},
		{"5.2.1.2 max-stale, too stale", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-stale=10", 71, validate, nothing, nothing},
		{"5.2.1.2 max-stale, any", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-stale", 7100, maxStale, maxStale, maxStale},
		{"5.2.1.2 max-stale that can't be read", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-stale=x", 61, validate, nothing, nothing},
		{"5.2.1.2 max-stale and max-age", Config{}, "Cache-Control: max-age=60", "Cache-Control: max-age=600, max-stale=10", 70, maxStale, maxStale, maxStale},
		{"5.2.1.3 min-fresh", Config{}, "Cache-Control: max-age=60", "Cache-Control: min-fresh=10", 51, validate, fresh, fresh},
		{"5.2.1.3 min-fresh, fresh enough", Config{}, "Cache-Control: max-age=60", "Cache-Control: min-fresh=10", 50, fresh, fresh, fresh},
		{"5.2.1.4 no-cache", Config{}, "Cache-Control: max-age=60", "Cache-Control: no-cache", 1, validate, fresh, fresh},
		{"5.2.1.4 no-cache of a stale one", hour, "Cache-Control: max-age=60", "Cache-Control: no-cache", 61, validate, sie, soo},
		{"5.2.1.5 no-store doesn't forbid what is stored", Config{}, "Cache-Control: max-age=60", "Cache-Control: no-store", 1, fresh, fresh, fresh},
		{"5.2.1 a route may ignore it", Config{IgnoreClients: true}, "Cache-Control: max-age=60", "Cache-Control: no-cache, max-age=0", 1, fresh, fresh, fresh},
		{"5.2.1 a route may ignore max-stale", Config{IgnoreClients: true}, "Cache-Control: max-age=60", "Cache-Control: max-stale", 61, validate, nothing, nothing},
		{"5.4 Pragma", Config{}, "Cache-Control: max-age=60", "Pragma: no-cache", 1, validate, fresh, fresh},
		{"5.4 Pragma, ignored", Config{IgnoreClients: true}, "Cache-Control: max-age=60", "Pragma: no-cache", 1, fresh, fresh, fresh},
		{"5.4 Pragma beside Cache-Control", Config{}, "Cache-Control: max-age=60", "Pragma: no-cache\nCache-Control: max-age=10", 1, fresh, fresh, fresh},
		{"5.4 Pragma: something else", Config{}, "Cache-Control: max-age=60", "Pragma: foo", 1, fresh, fresh, fresh},

		{"8246 2 immutable and a reload", Config{}, "Cache-Control: max-age=60, immutable", "Cache-Control: max-age=0", 1, fresh, fresh, fresh},
		{"8246 2 immutable and a forced reload", Config{}, "Cache-Control: max-age=60, immutable", "Cache-Control: no-cache", 1, validate, fresh, fresh},
		{"8246 2 immutable, expired", Config{}, "Cache-Control: max-age=60, immutable", "Cache-Control: max-age=0", 61, validate, nothing, nothing},
		{"8246 2.1 immutable with an argument is another directive", Config{}, "Cache-Control: max-age=60, immutable=1", "Cache-Control: max-age=0", 1, validate, fresh, fresh},

		{"4.1 Vary, the same", Config{}, "Cache-Control: max-age=60\nVary: Accept", "", 1, fresh, fresh, fresh},
		{"4.1 Vary, another", hour, "Cache-Control: max-age=60\nVary: Accept", "Accept: x", 1, nothing, nothing, nothing},
		{"3.5 an authorized request may have what is shared", Config{}, "Cache-Control: max-age=60", "Authorization: Basic x", 1, fresh, fresh, fresh},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := stored(t, &test.config, "", test.response+"\nETag: \"a\"")
			r := request(&test.config, "GET", test.request)
			for trouble, want := range []Use{test.calm, test.failed, test.overloaded} {
				when := at(test.after)
				when.Trouble = Trouble(trouble)
				got := p.Reuse(r, &test.config, when)
				if got.Use != want {
					t.Errorf("trouble %d: %d because of %v; want %d", trouble, got.Use, got.Reason, want)
				}
				if got.Use.Answers() && got.TTL > 0 != (got.Use == UseFresh) {
					t.Errorf("trouble %d: use %d of what is fresh for %v", trouble, got.Use, got.TTL)
				}
				if got.Age != p.Age(when.Now) || got.Reason == ReasonNone {
					t.Errorf("trouble %d: %+v", trouble, got)
				}
			}
		})
	}
}

// TestRFC9111StoredErrors: §4.2.4 would let a window serve any stale response,
// but a stale error is worth nothing.
func TestRFC9111StoredErrors(t *testing.T) {
	c := Config{StaleWhileRevalidate: time.Hour, StaleIfError: time.Hour, StaleOnOverload: time.Hour, LastKnownGood: time.Hour}
	s := c.Store(request(&c, "GET", ""), response(503, "Cache-Control: max-age=10"))
	if !s.Store {
		t.Fatal(s.Reason)
	}
	r := request(&c, "GET", "")
	if got := s.Policy.Reuse(r, &c, at(9)); got.Use != UseFresh {
		t.Errorf("fresh: %+v", got)
	}
	for trouble, want := range []Use{UseValidate, UseNothing, UseNothing} {
		when := at(11)
		when.Trouble = Trouble(trouble)
		if got := s.Policy.Reuse(r, &c, when); got.Use != want || got.Reason != ReasonStoredError {
			t.Errorf("trouble %d: %+v", trouble, got)
		}
	}
}

// TestRFC9111Invalid: §4.4, what was invalidated is used on no rung before it
// was validated, and what was purged softly counts as expired from then on.
func TestRFC9111Invalid(t *testing.T) {
	c := Config{LastKnownGood: time.Hour}
	p, _ := stored(t, &c, "", "Cache-Control: max-age=60, stale-while-revalidate=10, stale-if-error=20\nETag: \"a\"")
	r := request(&c, "GET", "")
	for trouble, want := range []Use{UseValidate, UseNothing, UseNothing} {
		when := at(1)
		when.Trouble, when.Invalid = Trouble(trouble), true
		if got := p.Reuse(r, &c, when); got.Use != want || got.Reason != ReasonInvalidated {
			t.Errorf("invalid, trouble %d: %+v", trouble, got)
		}
	}
	purged := t0.Add(5 * time.Second)
	for _, test := range []struct {
		after   float64
		trouble Trouble
		want    Use
		ttl     time.Duration
	}{
		{5, Calm, UseStaleWhileRevalidate, 0},
		{15, Calm, UseStaleWhileRevalidate, -10 * time.Second},
		{16, Calm, UseValidate, -11 * time.Second},
		{16, Failed, UseStaleIfError, -11 * time.Second},
		{26, Failed, UseLastKnownGood, -21 * time.Second},
		{4, Calm, UseStaleWhileRevalidate, 0}, // a clock that went back
	} {
		when := at(test.after)
		when.Trouble, when.StaleSince = test.trouble, purged
		if got := p.Reuse(r, &c, when); got.Use != test.want || got.TTL != test.ttl {
			t.Errorf("purged at 5 s, after %v s: %+v", test.after, got)
		}
	}
}

// TestRFC9111Vary walks §4.1: which requests a stored response matches.
func TestRFC9111Vary(t *testing.T) {
	for _, test := range []struct {
		name         string
		vary         string
		first, later string
		want         bool
	}{
		{"4.1 the same", "Foo", "Foo: 1", "Foo: 1", true},
		{"4.1 another", "Foo", "Foo: 1", "Foo: 2", false},
		{"4.1 left out later", "Foo", "Foo: 1", "", false},
		{"4.1 left out first", "Foo", "", "Foo: 1", false},
		{"4.1 left out both times", "Foo", "", "", true},
		{"4.1 empty isn't absent", "Foo", "", "Foo:", false},
		{"4.1 names have no case", "fOO", "Foo: 1", "foo: 1", true},
		{"4.1 others don't matter", "Foo", "Foo: 1\nOther: 2", "Foo: 1\nOther: 3", true},
		{"4.1 all of two", "Foo, Bar", "Foo: 1\nBar: a", "Foo: 1\nBar: a", true},
		{"4.1 one of two", "Foo, Bar", "Foo: 1\nBar: a", "Foo: 2\nBar: a", false},
		{"4.1 in two lines", "Foo\nVary: Bar", "Foo: 1\nBar: a", "Foo: 1\nBar: b", false},
		{"4.1 twice the same name", "Foo, foo", "Foo: 1", "Foo: 1", true},
		{"4.1 white space around commas", "Foo", "Foo: 1,2", "Foo: 1 ,   2", true},
		{"4.1 lines combined", "Foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", true},
		{"4.1 lines combined in another order", "Foo", "Foo: 1, 2", "Foo: 2\nFoo: 1", false},
		{"4.1 white space in strings", "Foo", "Foo: \"1, 2\"", "Foo: \"1,2\"", false},
		{"4.1 commas in strings", "Foo", "Foo: \"1\", \"2\"", "Foo: \"1, 2\"", false},
		{"4.1 letters of any field", "Foo", "Foo: a", "Foo: A", false},
		{"4.1 letters of languages", "Accept-Language", "Accept-Language: en-GB", "Accept-Language: en-gb", true},
		{"4.1 white space in languages", "Accept-Language", "Accept-Language: en;q=0.5", "Accept-Language: en ; q=0.5", true},
		{"4.1 the order of languages is a preference", "Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", false},
		{"4.1 the order of codings isn't", "Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: BR,gzip", true},
		{"4.1 the weights of codings are", "Accept-Encoding", "Accept-Encoding: gzip, br;q=0", "Accept-Encoding: gzip, br", false},
		{"4.1 codings, none", "Accept-Encoding", "Accept-Encoding:", "Accept-Encoding:", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			p, _ := stored(t, &c, test.first, "Cache-Control: max-age=60\nVary: "+test.vary)
			if got := p.Matches(request(&c, "GET", test.later)); got != test.want {
				t.Errorf("%q stored, %q asked: %v; want %v", test.first, test.later, got, test.want)
			}
			q, _ := stored(t, &c, test.later, "Cache-Control: max-age=60\nVary: "+test.vary)
			if got := p.SameVariant(q); got != test.want {
				t.Errorf("%q and %q are one variant: %v; want %v", test.first, test.later, got, test.want)
			}
			names := p.VaryNames()
			one := AppendVariant(nil, names, header(test.first))
			two := AppendVariant(nil, names, header(test.later))
			if got := string(one) == string(two); got != test.want {
				t.Errorf("%q and %q: the variants' texts are the same: %v; want %v", test.first, test.later, got, test.want)
			}
		})
	}
}

// TestOnlyIfCached: §5.2.1.7.
func TestOnlyIfCached(t *testing.T) {
	if !request(&Config{}, "GET", "Cache-Control: only-if-cached").OnlyIfCached() {
		t.Error("not seen")
	}
	if request(&Config{IgnoreClients: true}, "GET", "Cache-Control: only-if-cached").OnlyIfCached() {
		t.Error("seen where clients' wishes don't count")
	}
}
