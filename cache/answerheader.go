package cache

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// kept are the stored fields that go into a 304 (RFC 9110 §15.4.5).
var kept304 = [...]string{"Cache-Control", CDNCacheControl, LeveeCacheControl, "Content-Location", "Date", "Etag", "Expires", "Vary"}

// WriteHeader puts the fields of an answer from storage into dst: the stored
// ones that belong into an answer of its form, Age (RFC 9111 §5.1), and what
// ranges need. Values are shared with the stored header and must not be
// changed. For several parts, boundary separates them; see [Multipart].
func (a *Answer) WriteHeader(dst, stored http.Header, age time.Duration, boundary string) {
	switch a.Status {
	case http.StatusNotModified:
		for _, name := range kept304 {
			if values, ok := stored[name]; ok {
				dst[name] = values
			}
		}
		if _, ok := stored["Etag"]; !ok {
			if values, ok := stored["Last-Modified"]; ok {
				dst["Last-Modified"] = values
			}
		}
	case http.StatusRequestedRangeNotSatisfiable:
		for _, name := range [...]string{"Date", "Vary"} {
			if values, ok := stored[name]; ok {
				dst[name] = values
			}
		}
		dst["Content-Range"] = []string{fmt.Sprintf("bytes */%d", a.Size)}
		dst["Content-Length"] = []string{"0"}
	default:
		maps.Copy(dst, stored)
	}
	dst["Age"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	if a.Status != http.StatusPartialContent {
		return
	}
	if a.Parts == nil {
		dst["Content-Range"] = []string{contentRange(a.Range, a.Size)}
		dst["Content-Length"] = []string{strconv.FormatInt(a.Range.Length, 10)}
		return
	}
	m := Multipart{Answer: *a, Boundary: boundary, ContentType: stored.Get("Content-Type")}
	dst["Content-Type"] = []string{"multipart/byteranges; boundary=" + boundary}
	dst["Content-Length"] = []string{strconv.FormatInt(m.Length(), 10)}
}

func contentRange(r ByteRange, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.Start+r.Length-1, size)
}
