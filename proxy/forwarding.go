package proxy

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// The forwarding fields that Levee writes. From an untrusted peer they are
// replaced, X-Real-Ip included: many services take it for X-Forwarded-For's twin.
const (
	xForwardedFor   = "X-Forwarded-For"
	xForwardedHost  = "X-Forwarded-Host"
	xForwardedProto = "X-Forwarded-Proto"
	xForwardedPort  = "X-Forwarded-Port"
	xRealIP         = "X-Real-Ip"
	forwardedField  = "Forwarded"
	viaField        = "Via"
)

// maxForwardedHops is how many addresses of X-Forwarded-For or Forwarded are
// looked at, from the right; further left stands only what is older.
const maxForwardedHops = 64

// maxViaHops is how often a request may have passed a Levee of the same name
// before it is taken to go in circles. Sidecars on both sides of a call, and
// an edge before them, are a few hops.
const maxViaHops = 10

// trustedPeers are the networks whose forwarding and deadline headers are believed.
type trustedPeers struct {
	prefixes []netip.Prefix
	unix     bool
}

func newTrustedPeers(entries []string) trustedPeers {
	var t trustedPeers
	for _, e := range entries {
		if e == "unix" {
			t.unix = true
		} else if p, err := netip.ParsePrefix(e); err == nil {
			t.prefixes = append(t.prefixes, p.Masked())
		} else if a, err := netip.ParseAddr(e); err == nil {
			a = a.Unmap()
			t.prefixes = append(t.prefixes, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return t
}

// has says whether a peer is trusted; the zero address stands for a unix socket's.
func (t *trustedPeers) has(a netip.Addr) bool {
	if !a.IsValid() {
		return t.unix
	}
	for _, p := range t.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// clientAddr is who made the request: the peer, or, where the peer is
// trusted, the rightmost address of X-Forwarded-For (of Forwarded, where that
// is missing) that isn't. What stands left of it may have been made up.
func clientAddr(h http.Header, peer netip.Addr, trusted *trustedPeers) netip.Addr {
	if !trusted.has(peer) {
		return peer
	}
	client := peer
	for hop := range forwardedHops(h) {
		a, ok := parseHop(hop)
		if !ok {
			return client // unknown or obfuscated: nothing beyond it can be believed
		}
		client = a
		if !trusted.has(a) {
			return client
		}
	}
	return client
}

// forwardedHops yields the hops of X-Forwarded-For, or else of Forwarded's
// for parameters, from the nearest to the farthest.
func forwardedHops(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		field, parse := h[xForwardedFor], strings.TrimSpace
		if len(field) == 0 {
			field, parse = h[forwardedField], forParameter
		}
		left := maxForwardedHops
		for i := len(field) - 1; i >= 0; i-- {
			for rest := field[i]; ; {
				comma := lastUnquotedComma(rest)
				if left--; left < 0 || !yield(parse(rest[comma+1:])) {
					return
				}
				if comma < 0 {
					break
				}
				rest = rest[:comma]
			}
		}
	}
}

// lastUnquotedComma finds the last comma outside double quotes, or -1.
func lastUnquotedComma(s string) int {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// forParameter takes the value of for= out of an element of Forwarded (RFC 7239, section 4).
func forParameter(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseHop reads an address with or without brackets and port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if a, err := netip.ParseAddr(inner); err == nil {
				return a.Unmap().WithZone(""), true
			}
		}
	}
	return netip.Addr{}, false
}

// isForwarding says whether a field is one of those.
func isForwarding(name string) bool {
	switch name {
	case xForwardedFor, xForwardedHost, xForwardedProto, xForwardedPort, xRealIP, forwardedField, viaField:
		return true
	}
	return false
}

// forward says the forwarding fields of a request that came with the header in.
// A trusted peer's are added to, another's are replaced.
func (o *ownFields) forward(x *exchange, in http.Header) {
	peer, cfg, listed := x.conn, &x.gen.cfg.Forwarding, fields.ListedIn(in)
	trusted := peer.trusted(x.gen)
	said := func(name string) []string {
		if len(in[name]) == 0 || !trusted && name != viaField || listed != nil && fields.Lists(listed, name) {
			return nil
		}
		return in[name]
	}
	add := func(name, element string) {
		if element != "" {
			o.set(name, joinField(said(name), element))
		} else {
			o.put(name, said(name))
		}
	}
	setMissing := func(name, value string) {
		if values := said(name); values != nil || value == "" {
			o.put(name, values)
		} else {
			o.set(name, value)
		}
	}
	by, host, scheme, port, element := peer.addrText, x.r.Host, peer.scheme, peer.port, ""
	if !cfg.XForwarded {
		by, host, scheme, port = "", "", "", ""
	}
	if cfg.Forwarded {
		element = forwardedElement(peer, x.r.Host, o.values)
	}
	add(xForwardedFor, by)
	setMissing(xForwardedHost, host)
	setMissing(xForwardedProto, scheme)
	setMissing(xForwardedPort, port)
	setMissing(xRealIP, "")
	add(forwardedField, element)
	add(viaField, viaElement(x.r, x.gen.name, o.values))
}

// joinField adds an element to a list field, whose earlier lines become one.
func joinField(values []string, element string) string {
	switch len(values) {
	case 0:
		return element
	case 1:
		return values[0] + ", " + element
	}
	return strings.Join(values, ", ") + ", " + element
}

// forwardedElement renders this hop for Forwarded (RFC 7239, sections 4 to 6).
func forwardedElement(peer *clientConn, host string, values *fields.Values) string {
	before, after := "", ""
	switch {
	case !peer.addr.IsValid():
		after = "unknown" // a unix socket's peer has no address
	case peer.addr.Is6():
		before, after = `"[`, `]"`
	}
	if host == "" || strings.IndexByte(host, '"') >= 0 || strings.IndexByte(host, '\\') >= 0 {
		return values.Join("for=", before, peer.addrText, after, ";proto=", peer.scheme)
	}
	return values.Join("for=", before, peer.addrText, after, `;host="`, host, `";proto=`, peer.scheme)
}

// viaElement renders this hop for Via (RFC 9110, section 7.6.3), with the
// version in which the request was received.
func viaElement(r *http.Request, name string, values *fields.Values) string {
	switch {
	case r.ProtoMajor == 2:
		return values.Join("2 ", name)
	case r.ProtoMinor == 0:
		return values.Join("1.0 ", name)
	}
	return values.Join("1.1 ", name)
}

// goesInCircles says whether a request has passed a Levee of this name too often.
func goesInCircles(h http.Header, name string) bool {
	n := 0
	for _, v := range h[viaField] {
		for element := range strings.SplitSeq(v, ",") {
			if _, by, ok := strings.Cut(strings.TrimSpace(element), " "); ok && by == name {
				n++
			}
		}
	}
	return n >= maxViaHops
}
