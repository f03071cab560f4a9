package cache

import (
	"encoding/binary"
	"strings"
)

// appendForwarded writes what Forwarded (RFC 7239 §4) says of the request that its
// client made: host, proto, and whatever else is there, but not from whom to whom
// it came, which is different with each client and tells no answers apart.
func appendForwarded(b []byte, lines []string) []byte {
	at, count := len(b), uint32(0)
	b = append(b, 0, 0, 0, 0)
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line = cutForwarded(line)
			name, _, _ := strings.Cut(pair, "=")
			if strings.EqualFold(name, "for") || strings.EqualFold(name, "by") || pair == "" {
				continue
			}
			b = appendPart(b, pair)
			count++
		}
	}
	binary.LittleEndian.PutUint32(b[at:], count)
	return b
}

// cutForwarded takes the first pair off a line, at a comma or semicolon outside of
// quotes. A quoted string without an end goes to the line's: then all of it counts,
// for nobody knows where the service takes it to end.
func cutForwarded(line string) (pair, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ';'):
			return trim(line[:i]), line[i+1:]
		}
	}
	if quoted {
		return "?" + trim(line), "" // no name of a pair
	}
	return trim(line), ""
}
