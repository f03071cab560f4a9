package cache

import (
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Keeps tells whether a stored field, by its canonical name, goes into the answer.
// tagged is whether the stored response has an Etag: then a 304 needs no second
// validator (RFC 9110 §15.4.5).
func (a *Answer) Keeps(name string, tagged bool) bool {
	switch a.Status {
	case http.StatusNotModified:
		switch name {
		case "Cache-Control", CDNCacheControl, LeveeCacheControl, "Content-Location", "Date", "Etag", "Expires", "Vary":
			return true
		case "Last-Modified":
			return !tagged
		}
		return false
	case http.StatusRequestedRangeNotSatisfiable:
		return name == "Date" || name == "Vary"
	}
	return true
}

// SetHeader makes h, which holds the stored fields, the header of the answer: it
// takes out what doesn't belong into an answer of its form, and adds Age (RFC
// 9111 §5.1) and what ranges need. Values are replaced, not changed, so they may
// be shared with what is stored. For several parts, boundary separates them; see
// [Multipart].
func (a *Answer) SetHeader(h http.Header, age time.Duration, boundary string) {
	_, tagged := h["Etag"]
	maps.DeleteFunc(h, func(name string, _ []string) bool { return !a.Keeps(name, tagged) })
	h["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	switch {
	case a.Status != http.StatusPartialContent && a.Status != http.StatusRequestedRangeNotSatisfiable:
		return
	case a.Parts == nil:
		h["Content-Range"] = []string{string(a.AppendContentRange(nil))}
		h["Content-Length"] = []string{strconv.FormatInt(a.Range.Length, 10)}
		return
	}
	m := Multipart{Answer: *a, Boundary: boundary, ContentType: h.Get("Content-Type")}
	h["Content-Type"] = []string{"multipart/byteranges; boundary=" + boundary}
	h["Content-Length"] = []string{strconv.FormatInt(m.Length(), 10)}
}

// AppendContentRange writes Content-Range (RFC 9110 §14.4) to dst: for a 206 with
// one part where that is, for a 416 how long the whole is.
func (a *Answer) AppendContentRange(dst []byte) []byte {
	if a.Status == http.StatusRequestedRangeNotSatisfiable {
		return strconv.AppendInt(append(dst, "bytes */"...), a.Size, 10)
	}
	return appendContentRange(dst, a.Range, a.Size)
}

func appendContentRange(dst []byte, r ByteRange, size int64) []byte {
	dst = strconv.AppendInt(append(dst, "bytes "...), r.Start, 10)
	dst = strconv.AppendInt(append(dst, '-'), r.Start+r.Length-1, 10)
	return strconv.AppendInt(append(dst, '/'), size, 10)
}
