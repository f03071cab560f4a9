package cache

import "strings"

// etag is an entity tag (RFC 9110 §8.8.3): an opaque string in quotes, and
// whether it is weak. The zero value is none.
type etag struct {
	opaque string // with its quotes
	weak   bool
}

// cutETag takes an entity tag off the beginning of a list. It allocates nothing.
func cutETag(s string) (tag etag, rest string, ok bool) {
	if strings.HasPrefix(s, "W/") { // a lower-case w is no weakness (§8.8.3)
		tag.weak = true
		s = s[2:]
	}
	if s == "" || s[0] != '"' {
		return etag{}, s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			tag.opaque = s[:i+1]
			return tag, s[i+1:], true
		case c < 0x21, c == 0x7f:
			return etag{}, s, false
		}
	}
	return etag{}, s, false
}

// parseETag reads the value of ETag. An invalid one is no validator.
func parseETag(s string) (etag, bool) {
	tag, rest, ok := cutETag(trim(s))
	if !ok || rest != "" {
		return etag{}, false
	}
	return tag, true
}

// String is the tag as it is sent.
func (t etag) String() string {
	if t.weak {
		return "W/" + t.opaque
	}
	return t.opaque
}

func (t etag) none() bool { return t.opaque == "" }

// weakly and strongly are the two comparisons of RFC 9110 §8.8.3.2.
func (t etag) weakly(u etag) bool   { return !t.none() && t.opaque == u.opaque }
func (t etag) strongly(u etag) bool { return !t.weak && !u.weak && t.weakly(u) }

// anyETag looks for a tag in the lines of If-Match or If-None-Match (RFC 9110
// §13.1). A star stands for whatever there is. A list that can't be read ends
// where it can't: what was read before counts.
func anyETag(lines []string, match func(etag) bool) bool {
	for _, line := range lines {
		if trim(line) == "*" {
			return true
		}
		for line != "" {
			line = strings.TrimLeft(line, " \t,")
			tag, rest, ok := cutETag(line)
			if !ok {
				break
			}
			if match(tag) {
				return true
			}
			line = strings.TrimLeft(rest, " \t")
			if line != "" && line[0] != ',' {
				break
			}
		}
	}
	return false
}
