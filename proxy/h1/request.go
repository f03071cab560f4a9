package h1

import (
	"bytes"
	"net/http"
)

// RequestHead is the head of a request. The same one can be read into again and
// again: its header and the values in it are reused then, so that whoever keeps
// them beyond the request must clone them. The strings are never overwritten.
type RequestHead struct {
	Method string
	Target string // as it was sent; see [ParseTarget]
	Minor  int    // of HTTP/1.Minor: 0 or 1
	// Host is the Host field; "" where HTTP/1.0 had none, or it is empty.
	// The authority of an absolute target stands above it.
	Host string
	// Header has all fields but Host, Transfer-Encoding, and Trailer where there
	// are chunks.
	Header http.Header
	// Trailer has the names that were announced, without values; nil: none.
	Trailer http.Header
	Framing Framing
	Close   bool // the connection ends with the answer, by the client's wish
	// Expect: the client waits for a 100 before it sends the body.
	Expect bool
	// Upgrade: Connection says upgrade.
	Upgrade bool

	method, target int // where they end
	fields         store
}

// ReadRequest reads a request's head, up to the first byte of its body. A clean
// end before its first byte is io.EOF; an [*Error] says what is wrong with it.
func (r *Reader) ReadRequest(h *RequestHead, limits *Limits) error {
	head, err := r.section(h, limits, true)
	if err != nil {
		return err
	}
	text := string(head)
	h.Method, h.Target = text[:h.method], text[h.method+1:h.target]
	if m := commonMethod(h.Method); m != "" {
		h.Method = m // spares those who keep it the whole head
	}
	about := h.fields.put(text, r.buf.spans, true)
	h.Header = h.fields.header
	return h.understand(&about)
}

// understand is what the fields say together.
func (h *RequestHead) understand(a *about) (err error) {
	switch {
	case a.hosts > 1:
		return errTwoHosts
	case a.hosts == 0 && h.Minor > 0:
		return errNoHost
	case !validHost(a.host):
		return errHost
	}
	h.Host, h.Close, h.Upgrade, h.Trailer = a.host, a.closes(h.Minor), a.upgrade, nil
	if h.Framing, err = a.framing(h.Minor); err != nil {
		return err
	}
	if a.announces && h.Framing.Kind == Chunked {
		if h.Trailer, err = h.fields.announced(); err != nil {
			return err
		}
	}
	h.Expect = false
	if a.expect != "" && h.Minor > 0 { // in HTTP/1.0 it means nothing
		if len(h.Header["Expect"]) > 1 || !foldsTo(a.expect, "100-continue") {
			return ErrExpectation
		}
		h.Expect = h.Framing.Kind == Chunked || h.Framing.Length > 0
	}
	return nil
}

// startLine implements starter, by a request line.
func (h *RequestHead) startLine(line []byte) (err error) {
	method := bytes.IndexByte(line, ' ')
	if method < 0 {
		return errRequestLine
	}
	if !isToken(line[:method]) {
		return errMethod
	}
	n := bytes.IndexByte(line[method+1:], ' ')
	if n < 0 {
		return errRequestLine // HTTP/0.9, among others
	}
	target := method + 1 + n
	if n == 0 || !all(line[method+1:target], inTarget) {
		return errTarget
	}
	h.method, h.target = method, target
	h.Minor, err = parseVersion(line[target+1:], errRequestLine)
	return err
}

// parseVersion reads HTTP/1.0 or HTTP/1.1.
func parseVersion(b []byte, malformed error) (minor int, err error) {
	const name = "HTTP/"
	if len(b) != len("HTTP/1.1") || string(b[:len(name)]) != name || b[6] != '.' ||
		b[5] < '0' || b[5] > '9' || b[7] < '0' || b[7] > '9' {
		return 0, malformed
	}
	if b[5] != '1' || b[7] > '1' {
		return 0, ErrVersion
	}
	return int(b[7] - '0'), nil
}

// commonMethod returns a method's constant, or "".
func commonMethod(m string) string {
	switch m {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodHead:
		return http.MethodHead
	case http.MethodPost:
		return http.MethodPost
	case http.MethodPut:
		return http.MethodPut
	case http.MethodDelete:
		return http.MethodDelete
	case http.MethodPatch:
		return http.MethodPatch
	case http.MethodOptions:
		return http.MethodOptions
	}
	return ""
}
