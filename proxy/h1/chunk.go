package h1

// maxChunkLine bounds the line before a chunk, and maxExtensions what all chunks
// of a body carry beside their sizes: nobody reads them, and one could send them
// for ever without sending anything.
const (
	maxChunkLine  = 1 << 10
	maxExtensions = 16 << 10
)

// parseChunkLine reads a chunk's size, and checks the extensions behind it
// (RFC 9112, section 7.1). It returns how long those are.
func parseChunkLine(line []byte) (size int64, extensions int, err error) {
	digits := 0
	for digits < len(line) && classes[line[digits]]&isHex != 0 {
		digits++
	}
	if digits == 0 || digits > 15 { // 15 digits fit
		return 0, 0, errChunk
	}
	for _, c := range line[:digits] {
		size <<= 4
		switch {
		case c <= '9':
			size |= int64(c - '0')
		default:
			size |= int64(c|0x20-'a') + 10
		}
	}
	rest := line[digits:]
	if len(rest) == 0 {
		return size, 0, nil
	}
	if b := trimLeft(rest); len(b) == 0 || b[0] != ';' {
		return 0, 0, errChunk // white space alone, or what is no size
	}
	if !validExtensions(rest) {
		return 0, 0, errExtension
	}
	return size, len(rest), nil
}

// validExtensions checks *( BWS ";" BWS name [ BWS "=" BWS value ] ).
func validExtensions(b []byte) bool {
	for len(b) > 0 {
		b = trimLeft(b)
		if len(b) == 0 || b[0] != ';' {
			return false
		}
		name, rest := token(trimLeft(b[1:]))
		if len(name) == 0 {
			return false
		}
		b = rest
		if value := trimLeft(rest); len(value) > 0 && value[0] == '=' {
			var ok bool
			if b, ok = extensionValue(trimLeft(value[1:])); !ok {
				return false
			}
		}
	}
	return true
}

// extensionValue takes a token or a quoted string off b.
func extensionValue(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		value, rest := token(b)
		return rest, len(value) > 0
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[i+1:], true
		case c == '\\':
			if i++; i == len(b) || !isTextSlow(b[i:i+1]) {
				return nil, false
			}
		case c < ' ' && c != '\t' || c == 0x7f:
			return nil, false
		}
	}
	return nil, false
}

// token splits a token off b.
func token(b []byte) (token, rest []byte) {
	n := 0
	for n < len(b) && classes[b[n]]&inToken != 0 {
		n++
	}
	return b[:n], b[n:]
}
