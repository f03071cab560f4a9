package cache

import "slices"

// known are request fields that HTTP gives a meaning to, that proxies set, or
// that whole infrastructures rely on: an origin that answers by one of them has
// every reason to know of Vary.
var known = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Encoding": true, "Accept-Language": true,
	"Authorization": true, "Cache-Control": true, "Connection": true, "Content-Encoding": true,
	"Content-Language": true, "Content-Length": true, "Content-Type": true, "Cookie": true,
	"Date": true, "Expect": true, "Forwarded": true, "From": true, "Host": true,
	"If-Match": true, "If-Modified-Since": true, "If-None-Match": true, "If-Range": true,
	"If-Unmodified-Since": true, "Max-Forwards": true, "Origin": true, "Pragma": true,
	"Priority": true, "Range": true, "Te": true, "Traceparent": true, "Tracestate": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "User-Agent": true, "Via": true,
	"X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Port": true,
	"X-Forwarded-Proto": true, "X-Request-Id": true,
}

// AllowsHeader tells whether a request field, by its canonical name, reaches
// the upstream of this route. A field that is in no key and that the origin
// answers by without saying so in Vary lets one client choose what all others
// get; a route with AllowHeaders sends only what it names.
func (c *Config) AllowsHeader(name string) bool {
	return c.AllowHeaders == nil || known[name] || slices.Contains(c.KeyHeaders, name) || slices.Contains(c.AllowHeaders, name)
}
