package cache

import (
	"net/http"
	"strings"
)

// flags are the directives that are there or not.
type flags uint16

const (
	noStore flags = 1 << iota
	noCache
	private
	public
	mustRevalidate
	proxyRevalidate
	mustUnderstand
	immutable
	malformed // something can't be read, and might have been any of these
)

// has tells whether any of the given ones is there.
func (f flags) has(these flags) bool { return f&these != 0 }

// responseControl is how an origin says that its response may be cached:
// Cache-Control, or a targeted field in its place.
type responseControl struct {
	flags
	maxAge, sMaxAge seconds

	// RFC 5861, and stale-on-overload=N, which is Levee's own: for how long
	// after expiry it may be used instead of a refusal. It means something only
	// in Levee-Cache-Control.
	staleWhileRevalidate, staleIfError, staleOnOverload seconds

	// Fields that no-cache or private are restricted to.
	noCacheFields, privateFields []string

	// targeted: Cache-Control and Expires don't count (RFC 9213 §2.2).
	targeted bool
}

// readResponseControl reads the field that governs a response.
func readResponseControl(h http.Header) responseControl {
	for _, name := range targets {
		if rc, ok := readTargeted(h[name]); ok {
			if name != LeveeCacheControl {
				rc.staleOnOverload = seconds{}
			}
			return rc
		}
	}
	return parseResponseControl(h["Cache-Control"])
}

// parseResponseControl reads Cache-Control (RFC 9111 §5.2.2).
func parseResponseControl(lines []string) responseControl {
	var rc responseControl
	for _, line := range lines {
		for line != "" {
			var d directive
			var ok bool
			if d, line, ok = cutDirective(line); !ok {
				rc.flags |= malformed
			}
			rc.take(d)
		}
	}
	rc.staleOnOverload = seconds{}
	return rc
}

// take notes one directive. One that restricts counts with any argument; one
// that permits counts only in the form that the standard gives it.
func (rc *responseControl) take(d directive) {
	is := func(name string) bool { return strings.EqualFold(d.name, name) }
	switch {
	case is("no-store"):
		rc.flags |= noStore
	case is("no-cache"):
		rc.restrict(noCache, &rc.noCacheFields, d)
	case is("private"):
		rc.restrict(private, &rc.privateFields, d)
	case is("must-revalidate"):
		rc.flags |= mustRevalidate
	case is("proxy-revalidate"):
		rc.flags |= proxyRevalidate
	case is("public") && !d.valued:
		rc.flags |= public
	case is("must-understand") && !d.valued:
		rc.flags |= mustUnderstand
	case is("immutable") && !d.valued:
		rc.flags |= immutable
	default:
		if s := rc.secondsOf(strings.ToLower(d.name)); s != nil {
			s.take(d.value)
		}
	}
}

// restrict notes no-cache or private. With field names it concerns only those
// (RFC 9111 §5.2.2.4, §5.2.2.7), unless they can't be read or are such that the
// rest of the response means nothing, or something else, without them.
func (rc *responseControl) restrict(what flags, fields *[]string, d directive) {
	names, ok := fieldNames(d.value)
	for _, name := range names {
		ok = ok && !essential(name)
	}
	if !ok {
		rc.flags |= what
		return
	}
	*fields = append(*fields, names...)
}

// essential fields say what the response is and for whom.
func essential(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Vary", "Content-Type", "Content-Encoding", "Content-Length", "Content-Range", "Date", "Cache-Control", "Expires", "Age", CDNCacheControl, LeveeCacheControl:
		return true
	}
	return false
}

// revalidate: no stale answer, on no rung (RFC 9111 §4.2.4). s-maxage says
// proxy-revalidate as well (§5.2.2.10).
func (rc *responseControl) revalidate() bool {
	return rc.has(mustRevalidate|proxyRevalidate) || rc.sMaxAge.said
}

// sharedLeave: the response may be shared though its request was authorized
// (RFC 9111 §3.5). proxy-revalidate is no such leave.
func (rc *responseControl) sharedLeave() bool {
	return rc.has(public|mustRevalidate) || rc.sMaxAge.said && !rc.sMaxAge.bad
}
