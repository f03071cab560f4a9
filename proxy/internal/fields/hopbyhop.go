package fields

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// HopByHop says whether a field is one of those that belong to one connection (RFC 9110, section
// 7.6.1), beside those that Connection names. Upgrade is one of them too;
// websocket upgrades put it back.
func HopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade",
		"Http2-Settings", // of an h2c upgrade, which is never passed on
		"Trailer":        // told anew from Request.Trailer and Response.Trailer
		return true
	}
	return false
}

// CopyEndToEnd copies the fields of src into dst that are meant for the far
// end: neither hop-by-hop ones nor those that src's Connection names. Value
// slices are shared, with their capacity cut: adding to one copies it.
func CopyEndToEnd(dst, src http.Header) {
	listed := ListedIn(src)
	for name, values := range src {
		if HopByHop(name) || (listed != nil && Lists(listed, name)) {
			continue
		}
		dst[name] = values[:len(values):len(values)]
	}
}

// ListedIn is a header's Connection field, where that may name others; nil: it doesn't.
func ListedIn(h http.Header) []string {
	listed := h["Connection"]
	if len(listed) == 1 {
		switch listed[0] {
		case "keep-alive", "Keep-Alive": // what most say; it names nothing that isn't left out anyway
			return nil
		}
	}
	return listed
}

// Lists says whether a Connection field names a field. A client
// may so take out only what it sent itself: what Levee adds comes later.
func Lists(connection []string, name string) bool {
	for _, v := range connection {
		for token := range strings.SplitSeq(v, ",") {
			token = textproto.TrimString(token)
			if len(token) == len(name) && textproto.CanonicalMIMEHeaderKey(token) == name {
				return true
			}
		}
	}
	return false
}

// UpgradeType returns the protocol that a message asks to switch to, in lower
// case, or "".
func UpgradeType(h http.Header) string {
	if !httpguts.HeaderValuesContainsToken(h["Connection"], "upgrade") {
		return ""
	}
	return strings.ToLower(h.Get("Upgrade"))
}
