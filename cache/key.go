package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
)

// Key is where a response is looked up: a hash that no client can aim at, of
// everything that Levee sends upstream and that tells responses apart.
type Key [sha256.Size]byte

// Key is the key of a request that the cache takes part in. Method, scheme,
// host, path and query go into it as they are sent: two spellings that a cache
// takes for one and an origin for two are how caches are poisoned. HEAD shares
// the key of GET. Each part goes in with its length, so that no two requests
// can run together into one key.
//
// Fields that Vary names are not part of it; see [Policy.Matches].
func (c *Config) Key(r *Request) Key {
	var space [1024]byte // keys of usual size allocate nothing
	b := space[:0]
	if r.Method == MethodQuery {
		b = append(b, 'Q')
		b = append(b, r.ContentSum[:]...)
	} else {
		b = append(b, 'G')
	}
	b = appendPart(b, r.Scheme)
	b = appendPart(b, r.Host)
	at := len(b)
	b = c.appendTarget(append(b, 0, 0, 0, 0), r.Target)
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	for _, name := range c.KeyHeaders {
		values := r.Header[name]
		b = binary.LittleEndian.AppendUint32(b, uint32(len(values)))
		for _, value := range values {
			b = appendPart(b, value)
		}
	}
	if c.KeyForwarded {
		b = appendForwarded(b, r.Header["Forwarded"])
	}
	for _, name := range c.KeyCookies {
		b = appendCookies(b, name, r.Header)
	}
	return sha256.Sum256(b)
}

func appendPart(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// URL is the request's URL as purging by URL and by prefix knows it, without
// the query parameters that the route drops from the key. Several keys may
// have it: of other header fields, cookies or QUERY contents.
func (c *Config) URL(r *Request) string {
	b := make([]byte, 0, len(r.Scheme)+len(r.Host)+len(r.Target)+3)
	b = append(b, r.Scheme...)
	b = append(b, "://"...)
	b = append(b, r.Host...)
	return string(c.appendTarget(b, r.Target))
}

// Origin is what groups are bound to (RFC 9875 §2.1): scheme, host and port.
func (r *Request) Origin() string { return origin(r.Scheme, r.Host) }

// appendTarget writes path and query without the parameters to be dropped.
func (c *Config) appendTarget(b []byte, target string) []byte {
	path, query, found := strings.Cut(target, "?")
	if !found || len(c.DropQuery) == 0 {
		return append(b, target...)
	}
	b = append(b, path...)
	separator := byte('?')
	for more := true; more; {
		var parameter string
		parameter, query, more = strings.Cut(query, "&")
		if name, _, _ := strings.Cut(parameter, "="); c.drops(name) {
			continue
		}
		b = append(append(b, separator), parameter...)
		separator = '&'
	}
	return b
}

func (c *Config) drops(name string) bool {
	for _, dropped := range c.DropQuery {
		if start, any := strings.CutSuffix(dropped, "*"); name == dropped || any && strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// appendCookies writes all values of a cookie, and how many there are.
func appendCookies(b []byte, name string, h http.Header) []byte {
	at, count := len(b), uint32(0)
	b = append(b, 0, 0, 0, 0)
	for _, line := range h["Cookie"] {
		for more := true; more; {
			var pair string
			pair, line, more = strings.Cut(line, ";")
			if n, value, ok := strings.Cut(trim(pair), "="); ok && n == name {
				b = appendPart(b, value)
				count++
			}
		}
	}
	binary.LittleEndian.PutUint32(b[at:], count)
	return b
}
