// Package clients tells clients apart, and bounds what one of them can take from
// the others: how often it may ask, and how much of what is scarce it may hold.
package clients

import (
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
)

// maxIdentity bounds the text by which a client is remembered.
const maxIdentity = 128

// Identity says by what clients are told apart, as the configuration has it: "ip",
// "tls", "jwt" or "header:" and a name.
//
// A header's value and a token's subject are not verified: a client may make
// one up. It gains a bucket of its own, no right; and the number of buckets is
// bounded (see [Caps]).
type Identity struct{ kind, name string }

// NewIdentity is the identity that a text from the configuration stands for.
func NewIdentity(text string) Identity {
	kind, name, _ := strings.Cut(text, ":")
	return Identity{kind, name}
}

// Of returns the text by which a client is told apart from others. It
// is never a metric's label and never sent anywhere. Clients without the
// chosen mark are told apart by address.
func (i Identity) Of(r *http.Request, clientIP string) string {
	id := i.Whole(r, clientIP)
	if kind, _, _ := strings.Cut(id, ":"); len(id) > len(kind)+1+maxIdentity {
		id = id[:len(kind)+1+maxIdentity]
	}
	return strings.Clone(id)
}

// Whole is [Identity.Of] without a bound: a part of the request.
func (i Identity) Whole(r *http.Request, clientIP string) string {
	var id string
	switch i.kind {
	case "header":
		id = r.Header.Get(i.name)
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
	return i.kind + ":" + id
}

var identitySeed = maphash.MakeSeed()

// Hash is [Identity.Of] as a number, made without allocating where clients
// are told apart by address, for fairness among them. 0: nobody in particular.
func (i Identity) Hash(r *http.Request, client netip.Addr) uint64 {
	switch i.kind {
	case "header":
		if v := r.Header.Get(i.name); v != "" {
			return maphash.String(identitySeed, v)
		}
	case "tls":
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			return maphash.Bytes(identitySeed, r.TLS.PeerCertificates[0].RawSubject)
		}
	case "jwt":
		if sub := bearerSubject(r.Header.Get("Authorization")); sub != "" {
			return maphash.String(identitySeed, sub)
		}
	}
	if !client.IsValid() {
		return 0
	}
	b := client.As16()
	if client.Is6() { // all of a /64, as in network
		return maphash.Bytes(identitySeed, b[:8])
	}
	return maphash.Bytes(identitySeed, b[:])
}

// Network is the address by which a client is told apart: an IPv6 client has a
// whole /64 to itself, and could use another address for every request.
func Network(a netip.Addr) string {
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
