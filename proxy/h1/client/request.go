package client

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/levee-proxy/levee/proxy/h1"
)

// Unsendable is a request that HTTP/1.1 has no words for. Nothing of it was
// written: whoever made it is at fault, not the upstream.
type Unsendable struct {
	What string // "the method", say
}

// Error implements the error interface.
func (e *Unsendable) Error() string { return e.What + " can't be written in HTTP/1.1" }

// headSize is the room for a request that is written at once, and maxHead what is
// kept of a larger one's.
const (
	headSize = 4 << 10
	maxHead  = 64 << 10
)

// ShortBody is how long a body is at most, in bytes, that is written together with
// the head: read within RoundTrip, and by nobody later.
const ShortBody = 16 << 10

// head is memory to write a request in.
type head struct{ bytes []byte }

var heads = sync.Pool{New: func() any { return &head{make([]byte, 0, headSize)} }}

func (h *head) free() {
	if cap(h.bytes) <= maxHead {
		heads.Put(h)
	}
}

// Ready is implemented by bodies that know how many bytes can be read of them
// without waiting.
type Ready interface {
	Ready() int
}

// AllReady says whether all of a body of a known length can be read without waiting,
// as far as the body knows.
func AllReady(body io.Reader, length int64) bool {
	r, ok := body.(Ready)
	return ok && int64(r.Ready()) >= length
}

// takes says whether a body can be written together with the head: all of it is
// there, and it is short.
func takes(body io.Reader, f h1.Framing) bool {
	return f.Kind == h1.Length && f.Length <= ShortBody && AllReady(body, f.Length)
}

// take reads n bytes of a body, and its end.
func (h *head) take(body io.Reader, n int64) error {
	at := len(h.bytes)
	h.bytes = slices.Grow(h.bytes, int(n))[:at+int(n)]
	for at < len(h.bytes) {
		m, err := body.Read(h.bytes[at:])
		at += m
		switch {
		case err == io.EOF && at == len(h.bytes):
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return atEnd(body)
}

// atEnd reads a body's end, when all that was declared has come.
func atEnd(body io.Reader) error {
	var b [1]byte
	switch n, err := body.Read(b[:]); {
	case n > 0:
		return &Unsendable{"a body longer than declared"}
	case err != nil && err != io.EOF:
		return err
	}
	return nil
}

// framingOf is how the request's body is framed.
func framingOf(req *http.Request) h1.Framing {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		switch req.Method {
		case http.MethodPost, http.MethodPut, http.MethodPatch: // RFC 9110, section 8.6
			return h1.Framing{Kind: h1.Length}
		}
		return h1.Framing{}
	case req.ContentLength < 0:
		return h1.Framing{Kind: h1.Chunked}
	}
	return h1.Framing{Kind: h1.Length, Length: req.ContentLength}
}

// Fields is implemented by observers that write the header of their request down
// themselves, where that has none: it needn't be a map.
type Fields interface {
	// AppendFields appends the field lines, each with its CRLF; not those that
	// [h1.AppendHeader] leaves out. It may be called more than once.
	AppendFields(b []byte) []byte
	// Expects says whether there is an Expect among them.
	Expects() bool
}

// appendHead appends the request's head. fields has the header; nil: the request.
func appendHead(b []byte, req *http.Request, fields Fields, f h1.Framing) ([]byte, error) {
	if !h1.ValidMethod(req.Method) {
		return b, &Unsendable{"the method"}
	}
	b = append(b, req.Method...)
	b = append(b, ' ')
	target := len(b)
	b = appendTarget(b, req)
	if !h1.ValidTarget(b[target:]) {
		return b, &Unsendable{"the target"}
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if !h1.ValidHost(host) {
		return b, &Unsendable{"the Host"}
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\n"...)
	if fields != nil {
		b = fields.AppendFields(b)
	} else {
		b = h1.AppendHeader(b, req.Header)
	}
	b = h1.AppendFraming(b, f)
	if f.Kind == h1.Chunked {
		b = h1.AppendAnnounced(b, req.Trailer)
	}
	return append(b, "\r\n"...), nil
}

// appendTarget appends the target in origin form, as [net/url.URL.RequestURI]
// has it.
func appendTarget(b []byte, req *http.Request) []byte {
	u := req.URL
	if u.Opaque != "" {
		return append(b, u.RequestURI()...)
	}
	path := u.Path
	if u.RawPath != "" || !h1.PlainPath(path) {
		if path = u.EscapedPath(); path == "" {
			path = "/"
		}
	}
	b = append(b, path...)
	if u.RawQuery != "" || u.ForceQuery {
		b = append(b, '?')
		b = append(b, u.RawQuery...)
	}
	return b
}
