package cache

import (
	"net/http"
	"slices"
	"time"
)

// Response is what came from upstream for a [Request].
type Response struct {
	Status int
	// Header has canonical names. It is never changed; what is stored shares its
	// values.
	Header http.Header
	// Requested and Received are when the request was sent and when the
	// response's header came, for Age (RFC 9111 §4.2.3).
	Requested, Received time.Time
}

// Storing is whether a response may be stored, and what is kept of it.
type Storing struct {
	Store  bool
	Reason Reason // why not; ReasonNone if it may
	Header http.Header
	Policy Policy
}

// Store decides from its header whether a response may be stored (RFC 9111 §3)
// and be given to others who ask for the same: who waits for it as well may
// have it only if it is storable, and [Policy.Reuse] says so for his request.
//
// The content is not judged here: one that isn't whole must not be kept (see
// [Whole]).
func (c *Config) Store(req *Request, resp *Response) Storing {
	rc := readResponseControl(resp.Header)
	header := storedHeader(resp.Header, &rc)
	if reason := forbidden(req, resp, &rc, header); reason != ReasonNone {
		return Storing{Reason: reason}
	}
	names, any := parseVary(resp.Header["Vary"])
	if any {
		return Storing{Reason: ReasonVaryAny}
	}
	selectors, reason := selectors(names, req.Header)
	if reason != ReasonNone {
		return Storing{Reason: reason}
	}
	policy := c.policy(req, resp, &rc, header)
	policy.selectors = selectors
	if !policy.useful(c, explicit(resp, &rc)) {
		return Storing{Reason: ReasonNothingToGain}
	}
	return Storing{Store: true, Header: header, Policy: policy}
}

// forbidden is the rules of RFC 9111 §3 in which there is no choice, and
// caution where one is left. header is what would be stored.
func forbidden(req *Request, resp *Response, rc *responseControl, header http.Header) Reason {
	if reason := req.Bypass(); reason != ReasonNone {
		return reason
	}
	_, cookies := header["Set-Cookie"]
	known := !rc.has(mustUnderstand) || understood(resp.Status)
	switch {
	case req.Method == http.MethodHead:
		return ReasonHead
	case resp.Status == http.StatusPartialContent:
		return ReasonPartial // §3.3: kept whole or not at all
	case resp.Status < 200 || resp.Status > 599 || aboutTheRequest(resp.Status) || !known:
		return ReasonStatus
	case rc.has(malformed) || slices.ContainsFunc(connectionFields(resp.Header), essential):
		// Connection can't mean Vary or Content-Type: without them, what is stored
		// would be another response, and an update would take it for everybody's.
		return ReasonMalformed
	case req.wishes.noStore:
		return ReasonRequestStore // §5.2.1.5
	case rc.has(noStore) && !rc.has(mustUnderstand):
		return ReasonNoStore // §5.2.2.3 lets must-understand outdo it
	case rc.has(private):
		return ReasonPrivate
	case req.authorized && !rc.sharedLeave():
		return ReasonAuthorization // §3.5
	case cookies && !rc.has(public):
		// RFC 6265 leaves it to origins to forbid this and many forget: a session
		// would be given to strangers. s-maxage and max-age are no leave, for
		// frameworks set them for everything; public is said of this response.
		return ReasonSetCookie
	case !explicit(resp, rc) && !rc.has(public) && !heuristicallyCacheable(resp.Status):
		return ReasonNotExplicit
	}
	return ReasonNone
}

// explicit: the response says how long it is fresh, if maybe in vain.
func explicit(resp *Response, rc *responseControl) bool {
	return rc.maxAge.said || rc.sMaxAge.said || len(resp.Header["Expires"]) > 0 && !rc.targeted
}

// useful: without a lifetime, a validator, or a window in which it may be used
// stale, a stored response would only take room. A route's windows are for
// responses that say for how long they are fresh; for those that say nothing
// and can't be validated, only DefaultTTL and LastKnownGood are leave enough.
func (p *Policy) useful(c *Config, explicit bool) bool {
	switch {
	case p.hasValidator():
		return true
	case p.has(noCache):
		return false
	case p.lifetime > p.initialAge:
		return true
	case p.revalidate || p.errorStatus():
		return false
	}
	reach := c.LastKnownGood
	if explicit {
		reach = max(reach, add(p.lifetime, max(
			p.window(p.staleWhileRevalidate, c.StaleWhileRevalidate),
			p.window(p.staleIfError, c.StaleIfError),
			p.window(p.staleOnOverload, c.StaleOnOverload))))
	}
	return reach > p.initialAge
}

// Supersedes tells whether a storable response takes the place of a stored one
// of the same key and variant that nobody invalidated. An error doesn't, while
// the stored one may still serve in its stead: what failed is no newer truth.
// Nor does a response that left the origin before one that is still fresh, which
// can come later by another way (RFC 9111 §4). What has expired gives way to
// any, or a clock at the origin that was set back would stop the cache.
func (p *Policy) Supersedes(old *Policy, c *Config, now time.Time) bool {
	fresh := old.FreshFor(now) > 0 && !old.has(noCache)
	if failure(p.Status()) && !old.errorStatus() {
		return !fresh && !old.stale(c, Moment{Now: now, Trouble: Failed}, &wishes{}).Use.Answers()
	}
	return !fresh || p.date >= old.date
}

// Whole tells whether content may be kept: as many bytes came as were declared
// (-1: nothing was), and the transfer ended as its framing says it must.
func Whole(declared, received int64, ended bool) bool {
	return ended && (declared < 0 || declared == received)
}
