package cache

import (
	"strconv"
	"time"
)

// Forward is why a request went upstream, in the words of RFC 9211 §2.2.
type Forward string

// The reasons to forward.
const (
	ForwardNone     Forward = ""
	ForwardBypass   Forward = "bypass"    // the cache took no part
	ForwardMethod   Forward = "method"    // because of the method
	ForwardURIMiss  Forward = "uri-miss"  // nothing is stored for the URI
	ForwardVaryMiss Forward = "vary-miss" // something is, for other request fields
	ForwardMiss     Forward = "miss"      // nothing usable; it isn't known which
	ForwardRequest  Forward = "request"   // the client's Cache-Control or conditions
	ForwardStale    Forward = "stale"     // what is stored has expired
)

// Status is what the cache did with a request, for Cache-Status (RFC 9211).
type Status struct {
	Cache string // the name of this cache: a token

	Hit           bool // answered without the upstream
	Forward       Forward
	ForwardStatus int  // what the upstream answered, if not what the client gets; 0: nothing to say
	Stored        bool // the upstream's answer was stored
	Collapsed     bool // the request waited for another one's answer

	TTL    time.Duration // how long it stays fresh, below zero how stale it is; with HasTTL
	HasTTL bool

	Key    string // said only if set: it can tell more than a client should know
	Detail Reason // the rung, or why not; ReasonNone and ReasonFresh aren't said
}

// Append writes this cache's member of Cache-Status to dst. It belongs after
// those that the response already has.
func (s *Status) Append(dst []byte) []byte {
	dst = append(dst, s.Cache...)
	if s.Hit {
		dst = append(dst, "; hit"...)
	} else if s.Forward != ForwardNone {
		dst = append(append(dst, "; fwd="...), s.Forward...)
		if s.ForwardStatus != 0 {
			dst = strconv.AppendInt(append(dst, "; fwd-status="...), int64(s.ForwardStatus), 10)
		}
		if s.Stored {
			dst = append(dst, "; stored"...)
		}
		if s.Collapsed {
			dst = append(dst, "; collapsed"...)
		}
	}
	if s.HasTTL {
		dst = strconv.AppendInt(append(dst, "; ttl="...), wholeSeconds(s.TTL), 10)
	}
	if s.Key != "" {
		dst = appendString(append(dst, "; key="...), s.Key)
	}
	if s.Detail != ReasonNone && s.Detail != ReasonFresh {
		dst = append(append(dst, "; detail="...), s.Detail.String()...)
	}
	return dst
}

// wholeSeconds rounds down, so that what is a moment stale isn't ttl=0.
func wholeSeconds(d time.Duration) int64 {
	n := int64(d / time.Second)
	if d < 0 && d%time.Second != 0 {
		n--
	}
	return n
}

// appendString writes a structured field's string (RFC 9651 §4.1.6). Bytes that
// it can't hold become question marks.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c > '~':
			dst = append(dst, '?')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// ForwardFor is the word of RFC 9211 for why a stored response didn't answer.
func ForwardFor(v Verdict) Forward {
	switch v.Reason {
	case ReasonVaryMiss:
		return ForwardVaryMiss
	case ReasonRequestNoCache, ReasonRequestMaxAge, ReasonRequestMinFresh, ReasonPrecondition:
		return ForwardRequest
	case ReasonStale, ReasonMustRevalidate, ReasonNoCache, ReasonInvalidated, ReasonTooStale, ReasonStoredError:
		return ForwardStale
	}
	return ForwardMiss
}
