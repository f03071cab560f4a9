package cache

import (
	"net/http"
	"strings"
	"time"
	"unsafe"
)

// Policy is what later decisions need to know of a stored response, parsed once
// when it is stored. It is never changed after that.
type Policy struct {
	received   time.Time
	initialAge time.Duration // at received
	lifetime   time.Duration // what the response says, or the route, or the heuristic

	// How long after expiry each use is allowed; unsaid: the route's setting.
	staleWhileRevalidate, staleIfError, staleOnOverload time.Duration

	date         int64 // seconds since 1970: Date, or when it was received
	lastModified int64 // the same; unsaid if there is none
	etag         etag

	selectors []selector
	groups    []string

	flags
	status     int16
	revalidate bool // no stale answer on any rung
	query      bool // the answer to a QUERY
}

// unsaid stands for what a response says nothing about.
const unsaid = -1

func (c *Config) policy(req *Request, resp *Response, rc *responseControl, header http.Header) Policy {
	p := Policy{
		received:             resp.Received,
		staleWhileRevalidate: said(&rc.staleWhileRevalidate),
		staleIfError:         said(&rc.staleIfError),
		staleOnOverload:      said(&rc.staleOnOverload),
		lastModified:         unsaid,
		groups:               parseGroups(header["Cache-Groups"]),
		flags:                rc.flags & (noCache | immutable),
		status:               int16(resp.Status),
		revalidate:           rc.revalidate(),
		query:                req.Method == MethodQuery,
	}
	date, dated := singleDate(header["Date"], resp.Received)
	if !dated {
		date = resp.Received // RFC 9110 §6.6.1
	}
	p.date = date.Unix()
	if t, ok := singleDate(header["Last-Modified"], resp.Received); ok && !t.After(date) {
		p.lastModified = t.Unix()
	}
	if lines := header["Etag"]; len(lines) == 1 {
		p.etag, _ = parseETag(lines[0])
		p.etag.opaque = strings.Clone(p.etag.opaque) // or it would hold all of the response's header
	}
	p.initialAge = initialAge(resp, date)
	p.lifetime = c.lifetime(resp, rc, &p, date)
	return p
}

func said(s *seconds) time.Duration {
	if !s.said {
		return unsaid
	}
	return s.value
}

func singleDate(lines []string, now time.Time) (time.Time, bool) {
	if len(lines) != 1 {
		return time.Time{}, false
	}
	return ParseDate(trim(lines[0]), now)
}

// window is how long after expiry a use is allowed.
func (p *Policy) window(own, route time.Duration) time.Duration {
	if own != unsaid {
		return own
	}
	return route
}

func (p *Policy) hasValidator() bool { return !p.etag.none() || p.lastModified != unsaid }

// Status is the stored response's status.
func (p *Policy) Status() int { return int(p.status) }

// Groups are the groups that the response belongs to, within its origin (RFC
// 9875). The slice must not be changed.
func (p *Policy) Groups() []string { return p.groups }

// Received is when the response's header came from upstream.
func (p *Policy) Received() time.Time { return p.received }

// Expires is when the response stops to be fresh.
func (p *Policy) Expires() time.Time { return p.received.Add(p.lifetime - p.initialAge) }

// Matches tells whether a request has, in the fields that Vary names, what the
// request had that the response was stored for (RFC 9111 §4.1), and a method
// that it can answer.
func (p *Policy) Matches(r *Request) bool {
	return p.query == (r.Method == MethodQuery) && matches(p.selectors, r.Header)
}

// SameVariant tells whether two stored responses of one key answer the same
// requests, so that one takes the place of the other.
func (p *Policy) SameVariant(q *Policy) bool {
	if p.query != q.query || len(p.selectors) != len(q.selectors) {
		return false
	}
	for i := range p.selectors {
		if !p.selectors[i].same(&q.selectors[i]) {
			return false
		}
	}
	return true
}

// Shortened is the policy with its lifetime cut by a share from 0 to 1 of what
// is left of it, so that what was stored together doesn't expire together. A
// lifetime is never made longer.
func (p Policy) Shortened(share float64) Policy {
	if left := p.lifetime - p.initialAge; left > 0 && share > 0 {
		p.lifetime -= time.Duration(float64(left) * min(share, 1))
	}
	return p
}

// Expired is the policy of the same response once it is known that it may have
// been replaced: stale from now on, if it wasn't before, and usable within the
// windows that there are for stale ones.
func (p Policy) Expired(now time.Time) Policy {
	p.lifetime = min(p.lifetime, p.Age(now))
	return p
}

// Size is how many bytes a policy takes, with what only it refers to. Strings
// that it shares with the stored header count too, which is a little too much.
func (p *Policy) Size() int {
	size := int(unsafe.Sizeof(*p)) + len(p.etag.opaque)
	for i := range p.selectors {
		s := &p.selectors[i]
		size += int(unsafe.Sizeof(*s)) + len(s.name) + len(s.value)
		if s.raw != s.value { // else they are one string
			size += len(s.raw)
		}
	}
	for _, group := range p.groups {
		size += int(unsafe.Sizeof(group)) + len(group)
	}
	return size
}
