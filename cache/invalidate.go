package cache

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Invalidation is what is to be marked invalid ([Moment.Invalid]) or removed.
// The zero value is nothing.
type Invalidation struct {
	// URLs in the form of [Config.URL]: every variant and every key of each.
	URLs []string
	// Groups of Origin (RFC 9875). What is invalidated by its group takes no
	// further groups with it (§2.2.1).
	Groups []string
	Origin string // in the form of [Request.Origin]
}

// Invalidates tells what the answer to a request makes worthless (RFC 9111
// §4.4): after an unsafe method that didn't fail, the URL itself, and those that
// Location and Content-Location name on the same origin, for a response must
// not be able to touch what belongs to somebody else. Then the groups that it
// names (RFC 9875 §3).
func (c *Config) Invalidates(req *Request, resp *Response) Invalidation {
	if safeMethod(req.Method) || resp.Status < 200 || resp.Status > 399 {
		return Invalidation{}
	}
	inv := Invalidation{
		URLs:   []string{c.URL(req)},
		Groups: parseGroups(resp.Header["Cache-Group-Invalidation"]),
		Origin: req.Origin(),
	}
	base, err := url.Parse(req.Scheme + "://" + req.Host + req.Target)
	if err != nil {
		return inv
	}
	for _, field := range [...]string{"Location", "Content-Location"} {
		lines := resp.Header[field]
		if len(lines) != 1 {
			continue
		}
		to, err := base.Parse(trim(lines[0]))
		if err != nil || origin(to.Scheme, to.Host) != inv.Origin {
			continue
		}
		// The host as the client spells it: that is how keys have it.
		other := Request{Scheme: req.Scheme, Host: req.Host, Target: to.EscapedPath()}
		if other.Target == "" {
			other.Target = "/"
		}
		if to.RawQuery != "" || to.ForceQuery {
			other.Target += "?" + to.RawQuery
		}
		if u := c.URL(&other); !slices.Contains(inv.URLs, u) {
			inv.URLs = append(inv.URLs, u)
		}
	}
	return inv
}

// origin is scheme, host and port in one spelling (RFC 9110 §4.3.1, §4.2.3).
func origin(scheme, host string) string {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), ""
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(name, port)
}
