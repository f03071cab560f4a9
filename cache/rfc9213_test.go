package cache

import (
	"testing"
	"time"
)

// TestRFC9213 walks RFC 9213 §2: which field governs, and what of it counts.
func TestRFC9213(t *testing.T) {
	for _, test := range []struct {
		name     string
		header   string
		want     Reason
		lifetime time.Duration
	}{
		{"2.2 CDN-Cache-Control", "CDN-Cache-Control: max-age=60", ReasonNone, time.Minute},
		{"2.2 longer than Cache-Control", "CDN-Cache-Control: max-age=60\nCache-Control: max-age=1", ReasonNone, time.Minute},
		{"2.2 shorter than Cache-Control", "CDN-Cache-Control: max-age=1\nCache-Control: max-age=60", ReasonNone, time.Second},
		{"2.2 beside no-store", "CDN-Cache-Control: max-age=60\nCache-Control: no-store", ReasonNone, time.Minute},
		{"2.2 beside private", "CDN-Cache-Control: max-age=60\nCache-Control: private", ReasonNone, time.Minute},
		{"2.2 beside a Cache-Control that can't be read", "CDN-Cache-Control: max-age=60\nCache-Control: \"", ReasonNone, time.Minute},
		{"2.2 no-store", "CDN-Cache-Control: no-store\nCache-Control: max-age=60", ReasonNoStore, 0},
		{"2.2 private", "CDN-Cache-Control: private\nCache-Control: max-age=60", ReasonPrivate, 0},
		{"2.2 Expires doesn't count", "CDN-Cache-Control: max-age=60\nDate: {0}\nExpires: {-10}", ReasonNone, time.Minute},
		{"2.2 Expires doesn't count, max-age=0", "CDN-Cache-Control: max-age=0\nDate: {0}\nExpires: {100}\nETag: \"a\"", ReasonNone, 0},
		{"2.2 Expires isn't explicit beside it", "CDN-Cache-Control: foo\nDate: {0}\nExpires: {100}", ReasonNothingToGain, 0},
		{"2.2 ours goes before the CDNs'", "Levee-Cache-Control: max-age=1\nCDN-Cache-Control: max-age=60\nCache-Control: max-age=90", ReasonNone, time.Second},
		{"2.2 ours is invalid, the CDNs' is next", "Levee-Cache-Control: max-age=\nCDN-Cache-Control: max-age=60\nCache-Control: max-age=90", ReasonNone, time.Minute},
		{"2.2 others' fields mean nothing", "Example-Cache-Control: no-store\nCache-Control: max-age=60", ReasonNone, time.Minute},
		{"2.1 empty", "CDN-Cache-Control:\nCache-Control: max-age=60", ReasonNone, time.Minute},
		{"2.1 not a dictionary", "CDN-Cache-Control: max-age=10000, &&&&&\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 the wrong type", "CDN-Cache-Control: max-age=\"10000\"\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 a decimal", "CDN-Cache-Control: max-age=60.0\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 no value", "CDN-Cache-Control: max-age\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 an inner list", "CDN-Cache-Control: max-age=(60)\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 capitals are no key", "CDN-Cache-Control: Max-Age=60\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 space around =", "CDN-Cache-Control: max-age =60\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 below zero is no freshness", "CDN-Cache-Control: max-age=-60\nCache-Control: max-age=60\nETag: \"a\"", ReasonNone, 0},
		{"2.1 the last of two counts", "CDN-Cache-Control: max-age=1, max-age=60", ReasonNone, time.Minute},
		{"2.1 two lines", "CDN-Cache-Control: max-age=60\nCDN-Cache-Control: no-store", ReasonNoStore, 0},
		{"2.1 parameters", "CDN-Cache-Control: max-age=60;x=1", ReasonNone, time.Minute},
		{"2.1 unknown directives", "CDN-Cache-Control: foobar, x=\"y\", max-age=60", ReasonNone, time.Minute},
		{"2.1 2^31", "CDN-Cache-Control: max-age=2147483648", ReasonNone, longest},
		{"2.1 beyond", "CDN-Cache-Control: max-age=99999999999", ReasonNone, longest},
		{"2.1 beyond an integer", "CDN-Cache-Control: max-age=9999999999999999\nCache-Control: no-store", ReasonNoStore, 0},
		{"2.1 private for a field", "CDN-Cache-Control: max-age=60, private=\"x-user\"", ReasonNone, time.Minute},
		{"2.1 private for a field, token", "CDN-Cache-Control: max-age=60, private=x-user", ReasonNone, time.Minute},
		{"2.1 private for a number", "CDN-Cache-Control: max-age=60, private=5", ReasonPrivate, 0},
		{"2.1 a restriction counts, be it false", "CDN-Cache-Control: max-age=60, no-store=?0", ReasonNoStore, 0},
		{"2.1 leave doesn't", "CDN-Cache-Control: max-age=60, public=?0\nSet-Cookie: a=b", ReasonSetCookie, 0},
		{"2.1 public", "CDN-Cache-Control: max-age=60, public\nSet-Cookie: a=b", ReasonNone, time.Minute},
		{"2.2 public of Cache-Control doesn't count", "CDN-Cache-Control: max-age=60\nCache-Control: public\nSet-Cookie: a=b", ReasonSetCookie, 0},
		{"2.2 must-understand", "CDN-Cache-Control: max-age=60, no-store, must-understand", ReasonNone, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			s := c.Store(request(&c, "GET", ""), response(200, test.header))
			if s.Reason != test.want || s.Policy.lifetime != test.lifetime {
				t.Errorf("%v, fresh for %v; want %v, %v", s.Reason, s.Policy.lifetime, test.want, test.lifetime)
			}
		})
	}
}
