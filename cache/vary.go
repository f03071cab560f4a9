package cache

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
)

// Bounds on what a response may depend on: beyond them it is not stored.
const (
	maxVaryFields = 16
	maxVaryBytes  = 4096
)

// selector is a request field that a response was selected by (Vary), with the
// normalised value that it had in the request.
type selector struct {
	name    string // canonical
	value   string
	present bool // an absent field is only like an absent one (RFC 9111 §4.1)

	// raw is the value as it came, if in one line: most requests that match are
	// spelled alike, and needn't be brought into normal form. Maybe empty.
	raw string
}

// same tells whether two selectors ask for the same.
func (s *selector) same(t *selector) bool {
	return s.present == t.present && s.name == t.name && s.value == t.value
}

// parseVary reads Vary (RFC 9110 §12.5.5): names in canonical form, sorted, each
// once. A star, wherever it stands, or what isn't a name, means that nothing
// can be known to match.
func parseVary(lines []string) (names []string, any bool) {
	for _, line := range lines {
		for more := true; more; {
			var name string
			name, line, more = strings.Cut(line, ",")
			name = trim(name)
			switch {
			case name == "":
			case name == "*", tokenLength(name) != len(name):
				return nil, true
			default:
				// A copy: of what came, a part would hold all of the response's header.
				names = append(names, strings.Clone(http.CanonicalHeaderKey(name)))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), false
}

// selectors notes what the response to a request was selected by.
func selectors(names []string, h http.Header) (s []selector, reason Reason) {
	if len(names) > maxVaryFields {
		return nil, ReasonVaryTooMuch
	}
	total := 0
	for _, name := range names {
		values, present := h[name]
		value := string(appendNormal(nil, name, values))
		total += len(name) + len(value)
		one := selector{name: name, value: value, present: present, raw: value}
		if len(values) == 1 && values[0] != value {
			one.raw = strings.Clone(values[0]) // or it would hold the whole request's header
			total += len(one.raw)
		}
		s = append(s, one)
	}
	if total > maxVaryBytes {
		return nil, ReasonVaryTooMuch
	}
	return s, ReasonNone
}

// matches tells whether a request has what the stored one had (RFC 9111 §4.1).
// It allocates nothing for values of usual length.
func matches(s []selector, h http.Header) bool {
	var space [512]byte
	for i := range s {
		values, present := h[s[i].name]
		if present != s[i].present {
			return false
		}
		if len(values) == 1 && values[0] == s[i].raw {
			continue
		}
		if string(appendNormal(space[:0], s[i].name, values)) != s[i].value {
			return false
		}
	}
	return true
}

// VaryNames are the request fields by which the stored response was selected, in
// canonical form, sorted, each once.
func (p *Policy) VaryNames() []string {
	names := make([]string, len(p.selectors))
	for i := range p.selectors {
		names[i] = p.selectors[i].name
	}
	return names
}

// AppendVariant writes to dst what tells the variants of a key apart that vary
// by these fields: requests that get the same text match the same one. names
// are such as [Policy.VaryNames] returns.
func AppendVariant(dst []byte, names []string, h http.Header) []byte {
	for _, name := range names {
		values, present := h[name]
		dst = append(dst, name...)
		dst = append(dst, 0, byte(bit(present)), 0, 0, 0, 0)
		at := len(dst)
		dst = appendNormal(dst, name, values)
		binary.LittleEndian.PutUint32(dst[at-4:], uint32(len(dst)-at))
	}
	return dst
}

// appendNormal writes a request field in a form that is the same for values
// that mean the same: lines are joined, white space around commas is dropped.
// Letters of languages and codings are folded (RFC 5646 §2.1.1, RFC 9110
// §8.4.1), and codings are sorted, since a client that names two takes either.
// Languages are not: many services take their order for a preference.
func appendNormal(dst []byte, name string, values []string) []byte {
	start := len(dst)
	coding := name == "Accept-Encoding"
	fold := coding || name == "Accept-Language"
	for _, line := range values {
		for line != "" {
			var element string
			element, line, _ = cutElement(line)
			if element == "" {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ',')
			}
			for i := range len(element) {
				c := element[i]
				switch {
				case fold && (c == ' ' || c == '\t'):
				case fold && 'A' <= c && c <= 'Z':
					dst = append(dst, c+'a'-'A')
				default:
					dst = append(dst, c)
				}
			}
		}
	}
	if coding {
		sortElements(dst[start:])
	}
	return dst
}

// sortElements sorts a normal list in place, by insertion: lists of codings
// have a handful of members, and longer ones are left as they are.
func sortElements(list []byte) {
	const most = 16
	var bounds [most + 1]int // where the elements begin
	n := 0
	for i := 0; i <= len(list); i++ {
		if i == 0 || list[i-1] == ',' {
			if n == most {
				return
			}
			bounds[n] = i
			n++
		}
	}
	if n < 2 {
		return
	}
	var space [256]byte
	if len(list) > len(space) {
		return
	}
	copied := space[:copy(space[:], list)]
	element := func(i int) []byte {
		end := len(copied)
		if i+1 < n {
			end = bounds[i+1] - 1
		}
		return copied[bounds[i]:end]
	}
	var order [most]int
	for i := range n {
		j := i
		for ; j > 0 && string(element(order[j-1])) > string(element(i)); j-- {
			order[j] = order[j-1]
		}
		order[j] = i
	}
	at := 0
	for i := range n {
		at += copy(list[at:], element(order[i]))
		if i+1 < n {
			list[at] = ','
			at++
		}
	}
}
