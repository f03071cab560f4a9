package cache

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Freshened is what an answer that came without content says of a stored one.
type Freshened struct {
	// Holds: the stored content is still the right one. If not, the stored
	// response is worth nothing any more: it is to be marked invalid, and after a
	// 304 the request is to be sent again without conditions.
	Holds bool

	// Drop: it holds for this client, but may not be kept any longer.
	Drop bool

	// Storing is what is stored in place of the old header and policy, if its
	// Store is set. The content stays.
	Storing
}

// Freshen updates a stored response by the 304 that answered its validation
// (RFC 9111 §4.3.4). req is the request that was validated for.
func (c *Config) Freshen(req *Request, old *Policy, stored http.Header, answer *Response) Freshened {
	if !old.sameValidator(answer) {
		return Freshened{Storing: Storing{Reason: ReasonOtherValidator}}
	}
	return c.update(req, old, stored, answer)
}

// FreshenByHead updates a stored response by a 200 to HEAD (RFC 9111 §4.3.5):
// if it speaks of the same content, it brings newer fields; if not, the stored
// content has been replaced at the origin.
func (c *Config) FreshenByHead(req *Request, old *Policy, stored http.Header, size int64, answer *Response) Freshened {
	same := answer.Status == int(old.status) && old.sameValidator(answer)
	if length, ok := answer.Header["Content-Length"]; ok {
		n, err := strconv.ParseInt(trim(strings.Join(length, ",")), 10, 64)
		same = same && err == nil && n == size
	}
	if !same {
		return Freshened{Storing: Storing{Reason: ReasonOtherValidator}}
	}
	get := *req
	get.Method = http.MethodGet
	return c.update(&get, old, stored, answer)
}

// sameValidator: every validator that the answer has is the stored one. Strong
// tags must be the same strongly. An answer without any is believed: it answers
// a request that named the stored ones (RFC 9111 §4.3.4).
func (p *Policy) sameValidator(answer *Response) bool {
	if lines, ok := answer.Header["Etag"]; ok {
		tag, valid := parseETag(strings.Join(lines, ","))
		if !valid || !tag.weakly(p.etag) || !tag.weak && p.etag.weak {
			return false
		}
		return true // Last-Modified is less exact and must not overrule it
	}
	if lines, ok := answer.Header["Last-Modified"]; ok {
		t, valid := singleDate(lines, answer.Received)
		return valid && (t.Unix() == p.lastModified || p.lastModified == unsaid)
	}
	return true
}

func (c *Config) update(req *Request, old *Policy, stored http.Header, answer *Response) Freshened {
	merged := *answer
	merged.Status = int(old.status)
	merged.Header = mergedHeader(stored, answer)
	f := Freshened{Holds: true, Storing: c.Store(req, &merged)}
	if !f.Store {
		// What the answer says of itself ends the stored one; that this client
		// may not have its answer shared concerns the old one nothing.
		f.Drop = f.Reason != ReasonAuthorization && f.Reason != ReasonRequestStore
	}
	return f
}

// mergedHeader is the stored header with the fields of a newer answer (RFC 9111
// §3.2). Those that describe the stored bytes stay: no 304 carries new ones,
// and a digest of its own content is one of nothing (RFC 9530 §2).
// Set-Cookie is for the client that the answer went to. Date and Age are the
// answer's, or the old Date would make what was just validated old.
func mergedHeader(stored http.Header, answer *Response) http.Header {
	merged := maps.Clone(stored)
	if merged == nil {
		merged = http.Header{}
	}
	delete(merged, "Date")
	unmerged := []string{"Content-Length", "Content-Encoding", "Content-Range", "Content-Digest", "Content-Md5", "Set-Cookie"}
	unmerged = append(unmerged, connectionFields(answer.Header)...)
	for name, values := range answer.Header {
		if name == "Age" || !hopByHop(name) && !slices.Contains(unmerged, name) {
			merged[name] = values
		}
	}
	if _, ok := merged["Date"]; !ok {
		merged["Date"] = []string{httpDate(answer.Received.Unix())}
	}
	return merged
}
