package cache

import "strings"

// isToken tells whether a byte may be part of a token (RFC 9110 §5.6.2).
func isToken(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// tokenLength is how many bytes at the beginning of s are a token.
func tokenLength(s string) int {
	for i := range len(s) {
		if !isToken(s[i]) {
			return i
		}
	}
	return len(s)
}

func trim(s string) string { return strings.Trim(s, " \t") }

// cutElement takes the first element off a comma-separated list (RFC 9110
// §5.6.1). Commas in quoted strings don't separate. A quoted string that is
// never closed must not hide what follows it, or `x=", no-store` would hide a
// no-store: closed is then false and the list is cut at the next comma.
func cutElement(list string) (element, rest string, closed bool) {
	opened, quoted := 0, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			opened = i
		case c == ',' && !quoted:
			return trim(list[:i]), list[i+1:], true
		}
	}
	if !quoted {
		return trim(list), "", true
	}
	if i := strings.IndexByte(list[opened:], ','); i >= 0 {
		return trim(list[:opened+i]), list[opened+i+1:], false
	}
	return trim(list), "", false
}

// unquote reads a quoted string that is all of s (RFC 9110 §5.6.4). It copies
// only if something is escaped.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", false
	}
	escaped := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) {
				return "", false
			}
			escaped = true
		case c == '"':
			if i != len(s)-1 {
				return "", false
			}
			if !escaped {
				return s[1:i], true
			}
			return unescape(s[1:i]), true
		case c < ' ' && c != '\t', c == 0x7f:
			return "", false
		}
	}
	return "", false
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// directive is one member of Cache-Control: a name and maybe a value.
type directive struct {
	name, value string
	valued      bool
}

// cutDirective takes the first directive off a Cache-Control line. It is false
// for what isn't in the form of one: whoever wrote it meant something, and it
// can't be known what. Empty elements are allowed and have no name.
func cutDirective(line string) (d directive, rest string, ok bool) {
	element, rest, ok := cutElement(line)
	n := tokenLength(element)
	d.name = element[:n]
	switch {
	case !ok:
		return d, rest, false
	case n == len(element):
		return d, rest, true
	case n == 0 || element[n] != '=':
		return d, rest, false
	}
	value := element[n+1:]
	d.valued = true
	if strings.HasPrefix(value, `"`) {
		d.value, ok = unquote(value)
		return d, rest, ok
	}
	d.value = value
	return d, rest, value == "" || tokenLength(value) == len(value)
}

// fieldNames reads a list of field names, as in no-cache="a, b". It is false
// if there is none, or one that can't be a name.
func fieldNames(list string) ([]string, bool) {
	var names []string
	for list != "" {
		var name string
		name, list, _ = cutElement(list)
		if name == "" {
			continue
		}
		if tokenLength(name) != len(name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}
