package cache

import "net/http"

// Answer is the form in which a stored response answers a request.
type Answer struct {
	// Status is the stored one, 206, 304 or 416; or 0 if the request has a
	// condition that only the origin can judge (If-Match, If-Unmodified-Since):
	// then the stored response doesn't answer it, and it is to be sent on.
	Status int

	// Size is the length of the stored content.
	Size int64

	// Range is the part of the content that is sent: all of it unless Status is
	// 206. Its length is 0 where no content is sent: for HEAD, 304 and 416.
	Range ByteRange

	// Parts are several ranges to be sent with Status 206 as multipart/byteranges
	// (see [Multipart]). Mostly nil.
	Parts []ByteRange
}

// Answer is how a stored response of size bytes answers a request that it
// matches: whole, in part, or in a word that the client has it already. The
// order of the conditions is that of RFC 9110 §13.2.2. Conditions and ranges
// are for stored 200s alone. It allocates nothing but Parts.
func (p *Policy) Answer(req *Request, size int64) Answer {
	a := Answer{Status: int(p.status), Size: size, Range: ByteRange{0, size}}
	if req.Method == http.MethodHead {
		a.Range.Length = 0
	}
	if req.conditions == 0 || p.status != http.StatusOK {
		return a
	}
	switch {
	case !p.passes(req):
		return Answer{Size: size}
	case p.unmodified(req):
		return Answer{Status: http.StatusNotModified, Size: size}
	case req.conditions&ranged != 0 && req.Method != http.MethodHead && p.sameForRange(req):
		p.cut(&a, req.Header["Range"])
	}
	return a
}

// passes tells whether If-Match and If-Unmodified-Since hold of the stored
// response. They protect a resource from lost updates, and the parts of a
// download from being mixed; a cache that can't say yes says nothing (RFC 9111
// §4.3.2).
func (p *Policy) passes(req *Request) bool {
	switch {
	case req.conditions&ifMatch != 0:
		return anyETag(req.Header["If-Match"], p.etag.strongly)
	case req.conditions&ifUnmodifiedSince != 0:
		t, ok := singleDate(req.Header["If-Unmodified-Since"], p.received)
		return !ok || p.lastModified != unsaid && p.lastModified <= t.Unix()
	}
	return true
}

// unmodified tells whether the client has what is stored. If-None-Match goes
// before If-Modified-Since, which is compared with the response's date where
// there is no Last-Modified (RFC 9111 §4.3.2).
func (p *Policy) unmodified(req *Request) bool {
	switch {
	case req.conditions&ifNoneMatch != 0:
		return anyETag(req.Header["If-None-Match"], p.etag.weakly)
	case req.conditions&ifModifiedSince != 0 && req.Method != MethodQuery:
		t, ok := singleDate(req.Header["If-Modified-Since"], p.received)
		modified := p.lastModified
		if modified == unsaid {
			modified = p.date
		}
		return ok && modified <= t.Unix()
	}
	return false
}

// sameForRange tells whether If-Range, if there is one, names what is stored,
// by a strong tag or by a date that is strong: a second before Date at least,
// so that nothing can have changed again within it (RFC 9110 §13.1.5, §8.8.2.2).
func (p *Policy) sameForRange(req *Request) bool {
	lines, ok := req.Header["If-Range"]
	switch {
	case !ok:
		return true
	case len(lines) != 1:
		return false
	}
	if tag, ok := parseETag(lines[0]); ok {
		return tag.strongly(p.etag)
	}
	t, ok := singleDate(lines, p.received)
	return ok && t.Unix() == p.lastModified && p.date-p.lastModified >= 1
}

func (p *Policy) cut(a *Answer, lines []string) {
	var space [1]ByteRange
	parts, what := parseRange(lines, a.Size, space[:0])
	switch {
	case what == rangeUnsatisfiable:
		*a = Answer{Status: http.StatusRequestedRangeNotSatisfiable, Size: a.Size}
	case what == rangeParts && len(parts) == 1:
		a.Status, a.Range = http.StatusPartialContent, parts[0]
	case what == rangeParts:
		a.Status, a.Parts, a.Range = http.StatusPartialContent, append([]ByteRange(nil), parts...), ByteRange{}
	}
}
