package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// requestID is the id that a client gave its request, if it is fit for a log
// and a header, or a new one of 128 random bits. It is for finding lines
// again and needn't be unguessable, so a fast generator does.
func requestID(h http.Header, name string, values *fields.Values) string {
	if v := h[name]; len(v) == 1 && soundID(v[0]) {
		return v[0]
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	var text [2 * len(b)]byte
	hex.Encode(text[:], b[:])
	return values.Bytes(text[:])
}

// soundID accepts up to 128 characters of the kinds that ids are made of.
func soundID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=' || c == '@':
		default:
			return false
		}
	}
	return true
}
