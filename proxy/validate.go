package proxy

import (
	"net/http"
	"strings"

	"github.com/levee-proxy/levee/proxy/h1"
)

// refuse says why a request of so many fields must not go further, or gives nil. It
// looks at what a handler can see; framing is the connection's parser's business.
func refuse(r *http.Request, count, maxFields int) *answer {
	switch r.Method {
	case http.MethodConnect, http.MethodTrace:
		// CONNECT would make a tunnel of a gateway; TRACE shows a page the
		// headers that it must not see (RFC 9110, sections 9.3.6 and 9.3.8).
		return &answer{status: http.StatusMethodNotAllowed, kind: errRequest, details: "method not allowed: " + r.Method}
	}
	if r.URL.User != nil || !h1.ValidHost(r.Host) {
		// http://trusted@evil: whoever reads the Host to the left of the @ is fooled.
		// And what else no host has net/http would replace by the upstream's own.
		details := "no host has such characters"
		if r.URL.User != nil || strings.IndexByte(r.Host, '@') >= 0 {
			details = "userinfo in the host"
		}
		return &answer{status: http.StatusBadRequest, kind: errRequest, details: details}
	}
	if r.URL.Opaque != "" || r.URL.Scheme != "" && r.URL.Host == "" {
		return &answer{status: http.StatusBadRequest, kind: errRequest, details: "the target is no path"}
	}
	if strings.IndexByte(r.URL.RawQuery, ' ') >= 0 || strings.IndexByte(r.URL.RawPath, ' ') >= 0 {
		// HTTP/2 could carry it, and net/http would write it into a request line.
		return &answer{status: http.StatusBadRequest, kind: errRequest, details: "a space in the target"}
	}
	if count > maxFields {
		return &answer{status: http.StatusRequestHeaderFieldsTooLarge, kind: errRequest, details: "too many header fields"}
	}
	return nil
}

// measure counts a header's fields, and about the memory in bytes that it takes. It
// is unmarked if it has none of the fields of [marksCall].
func measure(h http.Header) (count, size int, unmarked bool) {
	unmarked = true
	for name, values := range h {
		unmarked = unmarked && !marksCall(name)
		count += len(values)
		size += len(name) + 64
		for _, v := range values {
			size += len(v)
		}
	}
	return count, size, unmarked
}
