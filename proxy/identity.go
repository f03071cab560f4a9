package proxy

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
)

// maxIdentity bounds the text by which a client is remembered.
const maxIdentity = 128

// identify returns the text by which a client is told apart from others. It
// is never a metric's label and never sent anywhere. Clients without the
// chosen mark are told apart by address.
//
// A header's value and a token's subject are not verified: a client may make
// one up. It gains a bucket of its own, no right; and the number of buckets is
// bounded (see [rateCaps]).
func identify(r *http.Request, mode string, clientIP string) string {
	var id string
	kind, name, _ := strings.Cut(mode, ":")
	switch kind {
	case "header":
		id = r.Header.Get(name)
	case "tls":
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			id = r.TLS.PeerCertificates[0].Subject.String()
		}
	case "jwt":
		id = bearerSubject(r.Header.Get("Authorization"))
	}
	if id == "" {
		return "ip:" + clientIP
	}
	if len(id) > maxIdentity {
		id = id[:maxIdentity]
	}
	return kind + ":" + strings.Clone(id)
}

// network is the address by which a client is told apart: an IPv6 client has a
// whole /64 to itself, and could use another address for every request.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// bearerSubject reads the sub claim of a bearer token (RFC 6750, RFC 7519)
// without verifying the token, or gives "".
func bearerSubject(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(parts[1]) > 8<<10 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Sub string `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Sub
}
