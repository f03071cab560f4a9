package cache

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// kept304 are the stored fields that go into a 304 (RFC 9110 §15.4.5).
var kept304 = [...]string{"Cache-Control", CDNCacheControl, LeveeCacheControl, "Content-Location", "Date", "Etag", "Expires", "Vary"}

// SetHeader makes h, which holds the stored fields, the header of the answer: it
// takes out what doesn't belong into an answer of its form, and adds Age (RFC
// 9111 §5.1) and what ranges need. Values are replaced, not changed, so they may
// be shared with what is stored. For several parts, boundary separates them; see
// [Multipart].
func (a *Answer) SetHeader(h http.Header, age time.Duration, boundary string) {
	switch a.Status {
	case http.StatusNotModified:
		_, tagged := h["Etag"]
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			return !slices.Contains(kept304[:], name) && (tagged || name != "Last-Modified")
		})
	case http.StatusRequestedRangeNotSatisfiable:
		maps.DeleteFunc(h, func(name string, _ []string) bool { return name != "Date" && name != "Vary" })
		h["Content-Range"] = []string{fmt.Sprintf("bytes */%d", a.Size)}
		h["Content-Length"] = []string{"0"}
	}
	h["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	if a.Status != http.StatusPartialContent {
		return
	}
	if a.Parts == nil {
		h["Content-Range"] = []string{contentRange(a.Range, a.Size)}
		h["Content-Length"] = []string{strconv.FormatInt(a.Range.Length, 10)}
		return
	}
	m := Multipart{Answer: *a, Boundary: boundary, ContentType: h.Get("Content-Type")}
	h["Content-Type"] = []string{"multipart/byteranges; boundary=" + boundary}
	h["Content-Length"] = []string{strconv.FormatInt(m.Length(), 10)}
}

func contentRange(r ByteRange, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.Start+r.Length-1, size)
}
