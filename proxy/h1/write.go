package h1

import (
	"net/http"
	"strconv"
	"strings"
)

// AppendRequestLine appends a request line of HTTP/1.1. The target must be free
// of spaces and control characters, which [ValidTarget] tells.
func AppendRequestLine(b []byte, method, target string) []byte {
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, target...)
	return append(b, " HTTP/1.1\r\n"...)
}

// ValidTarget says whether a target can be written: it is not empty, and of
// visible ASCII but '#'.
func ValidTarget[T string | []byte](target T) bool { return len(target) > 0 && all(target, inTarget) }

// ValidMethod says whether a method can be written: it is a token.
func ValidMethod(method string) bool { return isToken(method) }

// ValidHost says whether a Host can be written, or was fit to be read: a host
// with or without a port, or nothing.
func ValidHost(host string) bool { return validHost(host) }

// AppendStatusLine appends a status line of HTTP/1.1 with the usual reason phrase.
func AppendStatusLine(b []byte, status int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	return append(b, "\r\n"...)
}

// AppendHeader appends the fields of h, but for those that follow from how the
// message is framed: Content-Length, Transfer-Encoding, Trailer and Host. Who
// writes the message adds them by [AppendField] and [AppendFraming].
func AppendHeader(b []byte, h http.Header) []byte {
	for name, values := range h {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Host":
			continue
		}
		for _, value := range values {
			b = AppendField(b, name, value)
		}
	}
	return b
}

// AppendField appends a field line. It never appends what would break the
// message's framing: a name that is none is left out with its value, and
// characters that may not be in a value become spaces.
func AppendField(b []byte, name, value string) []byte {
	if !isToken(name) {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	start := len(b)
	b = append(b, value...)
	if !isText(b[start:]) {
		for i, c := range b[start:] {
			if c < ' ' && c != '\t' || c == 0x7f {
				b[start+i] = ' '
			}
		}
	}
	return append(b, "\r\n"...)
}

// AppendFraming appends the fields that tell how a body is framed: for None and
// ToClose, nothing.
func AppendFraming(b []byte, f Framing) []byte {
	switch f.Kind {
	case Length:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, f.Length, 10)
		b = append(b, "\r\n"...)
	case Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return b
}

// AppendAnnounced appends a Trailer field with the names of a trailer that may
// be trailers, if there are any.
func AppendAnnounced(b []byte, trailer http.Header) []byte {
	lead := "Trailer: "
	for name := range trailer {
		if isToken(name) && mayTrail(name) {
			b = append(b, lead...)
			b = append(b, name...)
			lead = ", "
		}
	}
	if lead == ", " {
		b = append(b, "\r\n"...)
	}
	return b
}

// ChunkRoom is the room that [SealChunk] needs in front of a chunk's data, and
// ChunkTail behind it, in bytes.
const (
	ChunkRoom = 18
	ChunkTail = 2
)

// SealChunk makes a chunk of the n bytes that stand in buf behind ChunkRoom,
// with ChunkTail bytes of room behind them, and returns it: a part of buf. n
// must be positive: an empty chunk would be the last.
func SealChunk(buf []byte, n int) []byte {
	const digits = "0123456789abcdef"
	at := ChunkRoom
	at -= copy(buf[at-2:at], "\r\n")
	for size := n; size > 0; size >>= 4 {
		at--
		buf[at] = digits[size&0xf]
	}
	end := ChunkRoom + n
	end += copy(buf[end:end+ChunkTail], "\r\n")
	return buf[at:end]
}

// AppendChunkSize appends the line before a chunk of n bytes, for who writes the
// data from elsewhere; CRLF follows the data.
func AppendChunkSize(b []byte, n int) []byte {
	b = strconv.AppendUint(b, uint64(n), 16)
	return append(b, "\r\n"...)
}

// AppendLastChunk appends the end of a chunked body, with trailers where there
// are any. Fields that may not be trailers are left out.
func AppendLastChunk(b []byte, trailer http.Header) []byte {
	b = append(b, "0\r\n"...)
	for name, values := range trailer {
		if !mayTrail(name) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		for _, value := range values {
			b = AppendField(b, name, value)
		}
	}
	return append(b, "\r\n"...)
}
