package cache

import (
	"net/http"
	"time"
)

// Conditions makes a request's header, which it changes, into one that asks
// whether a stored response still holds (RFC 9111 §4.3.1). The client's own
// conditions and its range are taken out: the answer is to be good for
// everybody, and the client is answered from what is stored then. Without a
// validator it is a plain request for the whole.
func (p *Policy) Conditions(h http.Header) {
	Unconditional(h)
	if !p.etag.none() {
		h["If-None-Match"] = []string{p.etag.String()}
	}
	if p.lastModified != unsaid {
		h["If-Modified-Since"] = []string{httpDate(p.lastModified)}
	}
}

// Unconditional takes conditions and ranges out of a request's header, so that
// the answer is whole and can be stored.
func Unconditional(h http.Header) {
	for _, field := range [...]string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"} {
		delete(h, field)
	}
}

// Failure tells whether an answer of the upstream is one that a stale response
// may stand in for (RFC 5861 §4, RFC 9111 §4.3.3): ask [Policy.Reuse] with
// Failed.
func Failure(status int) bool { return failure(status) }

func httpDate(unix int64) string { return time.Unix(unix, 0).UTC().Format(http.TimeFormat) }
