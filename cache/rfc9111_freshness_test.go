package cache

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestRFC9111Lifetime walks §4.2.1 and §4.2.2: for how long a response is fresh.
func TestRFC9111Lifetime(t *testing.T) {
	const validator = "\nETag: \"a\""
	for _, test := range []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"4.2.1 max-age", 200, "Cache-Control: max-age=60", time.Minute},
		{"4.2.1 max-age, in any case", 200, "Cache-Control: MaX-aGe=60", time.Minute},
		{"4.2.1 s-maxage before max-age", 200, "Cache-Control: max-age=60, s-maxage=10", 10 * time.Second},
		{"4.2.1 s-maxage before max-age, reversed", 200, "Cache-Control: s-maxage=100\nCache-Control: max-age=1", 100 * time.Second},
		{"4.2.1 max-age before Expires", 200, "Cache-Control: max-age=60\nDate: {0}\nExpires: {-100}", time.Minute},
		{"4.2.1 max-age before an invalid Expires", 200, "Cache-Control: max-age=60\nExpires: 0", time.Minute},
		{"4.2.1 max-age=0 before Expires", 200, "Cache-Control: max-age=0\nDate: {0}\nExpires: {100}", 0},
		{"4.2.1 Expires less Date", 200, "Date: {-10}\nExpires: {50}", time.Minute},
		{"4.2.1 Expires, no Date", 200, "Expires: {60}", time.Minute},
		{"4.2.1 Expires, Date can't be read", 200, "Date: x\nExpires: {60}", time.Minute},
		{"4.2.1 Expires is Date", 200, "Date: {0}\nExpires: {0}", 0},
		{"4.2.1 Expires before Date", 200, "Date: {0}\nExpires: {-1}", 0},
		{"5.3 Expires: 0", 200, "Expires: 0", 0},
		{"5.3 Expires, empty", 200, "Expires:", 0},
		{"5.3 Expires: another zone", 200, "Expires: Fri, 02 Jan 2026 13:00:00 UTC", 0},
		{"4.2.1 two of Expires", 200, "Date: {0}\nExpires: {60}\nExpires: {70}", 0},
		{"4.2.1 twice the same Expires", 200, "Date: {0}\nExpires: {60}\nExpires: {60}", time.Minute},
		{"4.2.1 two of max-age", 200, "Cache-Control: max-age=60, max-age=50", 0},
		{"4.2.1 two of max-age, a line each", 200, "Cache-Control: max-age=50\nCache-Control: max-age=60", 0},
		{"4.2.1 twice the same max-age", 200, "Cache-Control: max-age=60, max-age=60", time.Minute},
		{"4.2.1 not a number", 200, "Cache-Control: max-age=a60", 0},
		{"4.2.1 not only a number", 200, "Cache-Control: max-age=60a", 0},
		{"4.2.1 a fraction", 200, "Cache-Control: max-age=60.5", 0},
		{"4.2.1 below zero", 200, "Cache-Control: max-age=-60", 0},
		{"4.2.1 nothing", 200, "Cache-Control: max-age=", 0},
		{"4.2.1 no value", 200, "Cache-Control: max-age", 0},
		{"4.2.1 one good, one bad", 200, "Cache-Control: max-age=60, max-age=x", 0},
		{"4.2.1 invalid max-age, good Expires", 200, "Cache-Control: max-age=x\nDate: {0}\nExpires: {100}", 0},
		{"4.2.1 invalid s-maxage, good max-age", 200, "Cache-Control: s-maxage=x, max-age=60", 0},
		{"5.2 quoted", 200, "Cache-Control: max-age=\"60\"", time.Minute},
		{"5.2 quoted, escaped", 200, `Cache-Control: max-age="6\0"`, time.Minute},
		{"5.2 single quotes", 200, "Cache-Control: max-age='60'", 0},
		{"5.2 in another's string", 200, "Cache-Control: x=\"max-age=100\", max-age=1", time.Second},
		{"1.2.2 zeros in front", 200, "Cache-Control: max-age=0060", time.Minute},
		{"1.2.2 2^31", 200, "Cache-Control: max-age=2147483648", longest},
		{"1.2.2 beyond", 200, "Cache-Control: max-age=99999999999", longest},
		{"1.2.2 far beyond", 200, "Cache-Control: max-age=99999999999999999999999999999999", longest},
		{"4.2.2 a tenth", 200, "Date: {0}\nLast-Modified: {-1000}", 100 * time.Second},
		{"4.2.2 no Date", 200, "Last-Modified: {-1000}", 100 * time.Second},
		{"4.2.2 at most a day", 200, "Date: {0}\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT", 24 * time.Hour},
		{"4.2.2 modified in the future", 200, "Date: {0}\nLast-Modified: {1000}", 0},
		{"4.2.2 modified now", 200, "Date: {0}\nLast-Modified: {0}", 0},
		{"4.2.2 of 404", 404, "Date: {0}\nLast-Modified: {-1000}", 100 * time.Second},
		{"4.2.2 of any status with public", 599, "Cache-Control: public\nDate: {0}\nLast-Modified: {-1000}", 100 * time.Second},
		{"4.2.2 not where freshness is said", 200, "Cache-Control: max-age=0\nDate: {0}\nLast-Modified: {-1000}", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			s := c.Store(request(&c, "GET", ""), response(test.status, test.header+validator))
			if !s.Store || s.Policy.lifetime != test.want {
				t.Errorf("%v, fresh for %v; want %v", s.Reason, s.Policy.lifetime, test.want)
			}
		})
	}
}

// TestRFC9111Age walks §4.2.3 and §5.1.
func TestRFC9111Age(t *testing.T) {
	second := time.Second
	for _, test := range []struct {
		name   string
		header string
		delay  time.Duration // from request to response
		after  time.Duration // from response to now
		want   time.Duration
	}{
		{"4.2.3 new", "Date: {0}", 0, 0, 0},
		{"4.2.3 it stays", "Date: {0}", 0, 5 * second, 5 * second},
		{"4.2.3 it was old by its Date", "Date: {-10}", 0, 5 * second, 15 * second},
		{"4.2.3 a Date in the future makes it no younger", "Date: {10}", 0, 5 * second, 5 * second},
		{"4.2.3 Age", "Date: {0}\nAge: 30", 0, 5 * second, 35 * second},
		{"4.2.3 the greater of Age and Date", "Date: {-40}\nAge: 30", 0, 0, 40 * second},
		{"4.2.3 the delay counts with Age", "Date: {0}\nAge: 30", 2 * second, 0, 32 * second},
		{"4.2.3 the delay counts without Age", "Date: {0}", 2 * second, 0, 2 * second},
		{"4.2.3 no Date", "Age: 3", 0, 0, 3 * second},
		{"4.2.3 a clock that went back while it was fetched", "Date: {0}", -5 * second, 0, 0},
		{"4.2.3 a clock that went back since", "Date: {0}\nAge: 30", 0, -time.Hour, 30 * second},
		{"5.1 not a number", "Age: abc", 0, 0, 0},
		{"5.1 below zero", "Age: -30", 0, 0, 0},
		{"5.1 a fraction", "Age: 7200.0", 0, 0, 0},
		{"5.1 the first of a list", "Age: 30, 0", 0, 0, 30 * second},
		{"5.1 the first of a list, small", "Age: 0, 7200", 0, 0, 0},
		{"5.1 the first line", "Age: 30\nAge: 0", 0, 0, 30 * second},
		{"1.2.2 beyond 2^31", "Age: 99999999999999999999", 0, 0, longest},
		{"1.2.2 the sum beyond 2^31", "Age: 2147483648", time.Hour, time.Hour, longest},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			r := response(200, test.header+"\nCache-Control: max-age=10\nETag: \"a\"")
			r.Requested = t0.Add(-test.delay)
			s := c.Store(request(&c, "GET", ""), r)
			if got := s.Policy.Age(t0.Add(test.after)); !s.Store || got != test.want {
				t.Errorf("%v, age %v; want %v", s.Reason, got, test.want)
			}
		})
	}
}

// TestAgeNeverBelowZero: whatever the clocks and the fields say, an age is
// between 0 and 68 years, doesn't shrink while the clock goes on, and freshness
// is what is left of the lifetime.
func TestAgeNeverBelowZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	year := int64(365 * 24 * time.Hour)
	for range 20_000 {
		p := Policy{
			received:   t0.Add(time.Duration(rng.Int64N(200*year) - 100*year)),
			initialAge: time.Duration(rng.Int64N(int64(longest) + 1)),
			lifetime:   time.Duration(rng.Int64N(int64(longest) + 1)),
		}
		now := t0.Add(time.Duration(rng.Int64N(200*year) - 100*year))
		age := p.Age(now)
		if age < 0 || age > longest || age < p.initialAge {
			t.Fatalf("age %v of %+v at %v", age, p, now)
		}
		if later := p.Age(now.Add(time.Duration(rng.Int64N(year)))); later < age {
			t.Fatalf("age went from %v to %v", age, later)
		}
		if got := p.FreshFor(now); got != p.lifetime-age {
			t.Fatalf("fresh for %v; want %v less %v", got, p.lifetime, age)
		}
	}
}

// TestShortened: jitter makes lifetimes shorter and never longer.
func TestShortened(t *testing.T) {
	p := Policy{received: t0, initialAge: 10 * time.Second, lifetime: 110 * time.Second}
	for _, test := range []struct {
		share float64
		want  time.Duration
	}{{0, 100 * time.Second}, {0.1, 90 * time.Second}, {1, 0}, {2, 0}, {-1, 100 * time.Second}} {
		if got := p.Shortened(test.share); got.FreshFor(t0) != test.want {
			t.Errorf("shortened by %v: fresh for %v; want %v", test.share, got.FreshFor(t0), test.want)
		}
	}
	expired := Policy{received: t0, initialAge: time.Minute, lifetime: time.Second}
	if got := expired.Shortened(0.5); got.lifetime != time.Second {
		t.Errorf("what has expired is shortened to %v", got.lifetime)
	}
}

// TestRefreshEarly: never before its time for a sure draw, always at the end for
// an unlikely one, and likelier as expiry nears.
func TestRefreshEarly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	share := func(left time.Duration) float64 {
		n := 0
		for range 20_000 {
			if RefreshEarly(left, 100*time.Millisecond, 1, 1-rng.Float64()) {
				n++
			}
		}
		return float64(n) / 20_000
	}
	// The share of requests that refresh is e^(-left/cost).
	if near, far := share(100*time.Millisecond), share(500*time.Millisecond); near < 0.34 || near > 0.40 || far < 0.003 || far > 0.011 {
		t.Errorf("%.4f refresh a cost before expiry, %.4f five; want 0.368 and 0.007", near, far)
	}
	if RefreshEarly(-time.Second, time.Second, 1, 0.5) || RefreshEarly(time.Nanosecond, time.Second, 0, 0.5) || RefreshEarly(time.Second, time.Second, 1, 1) || RefreshEarly(time.Second, time.Second, 1, 0) {
		t.Error("refreshes early what has expired, with beta 0, or by a draw that can't be")
	}
}
