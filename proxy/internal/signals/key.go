package signals

import (
	"errors"
	"net/http"
	"strings"
)

// IdempotencyKeyHeader carries a client's name for a request that it may send
// again (draft-ietf-httpapi-idempotency-key-header).
const IdempotencyKeyHeader = "Idempotency-Key"

// maxKey is the longest key, in bytes, without its quotes.
const maxKey = 255

var (
	errKeyTwice  = errors.New("there is more than one Idempotency-Key")
	errKeyLength = errors.New("the Idempotency-Key must have from 1 to 255 characters")
	errKeyForm   = errors.New(`the Idempotency-Key must be a string of printable ASCII characters, as in "8e03978e-40d5-43dd"`)
)

// IdempotencyKey reads a request's key; "": it has none. An error says, for the
// client, what a key may be.
//
// By the draft it is a string of structured fields (RFC 9651, section 3.3.3),
// in quotes. Most clients leave them out, as the services did that had keys
// before there was a draft: then it is the visible characters that came. One
// key is the same in both forms.
func IdempotencyKey(h http.Header) (string, error) {
	values := h[IdempotencyKeyHeader]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", errKeyTwice
	}
	v := strings.Trim(values[0], " \t")
	if len(v) > 2*maxKey+2 { // every character escaped
		return "", errKeyLength
	}
	key, ok := v, true
	if strings.HasPrefix(v, `"`) {
		key, ok = unquoteSFString(v)
	} else {
		for i := range len(v) {
			ok = ok && v[i] > ' ' && v[i] <= '~' && v[i] != '"' && v[i] != ','
		}
	}
	switch {
	case !ok:
		return "", errKeyForm
	case key == "" || len(key) > maxKey:
		return "", errKeyLength
	}
	return key, nil
}

// unquoteSFString reads a structured field's string, and nothing behind it.
func unquoteSFString(v string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return b.String(), i == len(v)-1
		case c == '\\':
			if i++; i == len(v) || v[i] != '"' && v[i] != '\\' {
				return "", false
			}
			b.WriteByte(v[i])
		case c < ' ' || c > '~':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
