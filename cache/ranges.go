package cache

import (
	"strings"
)

// maxRanges is how many ranges one request may ask for. Answers with many parts
// cost more than the whole, which is why they are asked for in attacks (RFC
// 9110 §17.15); more than this get the whole.
const maxRanges = 16

// ByteRange is a part of a stored body: Length bytes from Start, both of them
// within the body, Length at least 1.
type ByteRange struct {
	Start, Length int64
}

// rangeRequest is what a Range field asks for.
type rangeRequest uint8

const (
	rangeWhole         rangeRequest = iota // no Range, or one to be ignored
	rangeParts                             // one range or several
	rangeUnsatisfiable                     // valid, and nothing of it is there
)

// parseRange reads Range for a body of the given size (RFC 9110 §14.2) and
// appends what of it is there to parts, in the order asked for. A field that is
// invalid, of another unit, or greedy is to be ignored: too many ranges, or
// ranges that overlap so much that together they are longer than the body.
func parseRange(lines []string, size int64, parts []ByteRange) ([]ByteRange, rangeRequest) {
	if len(lines) != 1 {
		return parts, rangeWhole
	}
	unit, set, ok := strings.Cut(lines[0], "=")
	if !ok || !strings.EqualFold(trim(unit), "bytes") {
		return parts, rangeWhole
	}
	count, total := 0, int64(0)
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		if spec = trim(spec); spec == "" {
			continue
		}
		part, valid := parseRangeSpec(spec, size)
		if count++; !valid || count > maxRanges {
			return parts, rangeWhole
		}
		if part.Length > 0 {
			parts = append(parts, part)
			total += part.Length
		}
	}
	switch {
	case count == 0, len(parts) > 1 && total > size:
		return parts, rangeWhole
	case len(parts) == 0:
		return parts, rangeUnsatisfiable
	}
	return parts, rangeParts
}

// parseRangeSpec reads one "0-99", "100-" or "-5" (RFC 9110 §14.1.2). A range
// that lies outside the body has no length.
func parseRangeSpec(spec string, size int64) (ByteRange, bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return ByteRange{}, false
	}
	first, firstOK := parseOffset(from)
	last, lastOK := parseOffset(to)
	switch {
	case from == "" && lastOK: // the last so many
		length := min(last, size)
		return ByteRange{size - length, length}, true
	case !firstOK, to != "" && !lastOK, to != "" && last < first:
		return ByteRange{}, false
	case first >= size:
		return ByteRange{}, true
	case to == "":
		last = size - 1
	}
	return ByteRange{first, min(last, size-1) - first + 1}, true
}

// parseOffset reads digits. A number too great for any body is just great.
func parseOffset(s string) (int64, bool) {
	const great = 1 << 62
	n := int64(0)
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n >= great/10 {
			n = great
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, s != ""
}
