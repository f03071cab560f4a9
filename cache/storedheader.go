package cache

import (
	"net/http"
	"slices"
	"strings"
)

// hopByHop are fields of one connection, not of the response (RFC 9111 §3.1,
// RFC 9110 §7.6.1). Age is not stored either: it is reckoned for each answer.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Age":
		return true
	}
	return false
}

// connectionFields are the names in Connection, in canonical form.
func connectionFields(h http.Header) []string {
	var names []string
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, http.CanonicalHeaderKey(trim(name)))
		}
	}
	return names
}

// storedHeader is what is stored of a header: a new map that shares the values.
// Fields that no-cache or private name are left out; no-cache would allow to
// keep them for after validation, but validation brings them anew.
func storedHeader(h http.Header, rc *responseControl) http.Header {
	unstored := connectionFields(h)
	for _, fields := range [...][]string{rc.noCacheFields, rc.privateFields} {
		for _, name := range fields {
			unstored = append(unstored, http.CanonicalHeaderKey(name))
		}
	}
	stored := make(http.Header, len(h))
	for name, values := range h {
		if !hopByHop(name) && !slices.Contains(unstored, name) {
			stored[name] = values
		}
	}
	return stored
}
