package client

import (
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/levee-proxy/levee/proxy/h1"
)

// answer is a response and its body, in one piece of memory.
type answer struct {
	resp http.Response
	head h1.ResponseHead
	body h1.Body
	conn *Conn

	mu     sync.Mutex // held while the body is read
	ended  bool       // the connection was given back
	closed bool
}

var chunked = []string{"chunked"}

// answers are those that were let go.
var answers = sync.Pool{New: func() any { return new(answer) }}

// mostKeptFields is how many fields a header may have had that is used again: a
// map never shrinks.
const mostKeptFields = 64

// LetGo says of a response's body, which was closed or read to its end, that
// nobody will use it any more, nor the response itself or anything of that but
// strings. Then their memory serves another. Bodies of other kinds are left alone.
func LetGo(body io.ReadCloser) {
	a, ok := body.(*answer)
	if !ok || !a.ended {
		return
	}
	if len(a.head.Header) > mostKeptFields {
		a.head = h1.ResponseHead{}
	}
	a.resp, a.body, a.conn = http.Response{}, h1.Body{}, nil
	a.ended, a.closed = false, false
	answers.Put(a)
}

// response makes the response, and gives the connection back if it has no body.
func (a *answer) response(req *http.Request) *http.Response {
	h, c := &a.head, a.conn
	a.resp = http.Response{
		Status: h.Text, StatusCode: h.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: h.Minor,
		Header: h.Header, Trailer: h.Trailer, ContentLength: h.ContentLength, Close: h.Close,
		Request: req,
	}
	if h.Minor == 0 {
		a.resp.Proto = "HTTP/1.0"
	}
	if h.Framing.Kind == h1.Chunked {
		a.resp.TransferEncoding = chunked
	}
	switch {
	case h.Status == http.StatusSwitchingProtocols:
		c.unwatched()
		a.resp.Body = &tunnel{c}
	case h.Framing.Empty():
		a.resp.Body = http.NoBody
		c.ended(true, h.Close)
	default:
		a.body.Reset(&c.reader, h.Framing, c.limits)
		a.resp.Body = a
	}
	return &a.resp
}

// Read implements [io.Reader].
func (a *answer) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := a.body.Read(p)
	if err != nil && !a.ended {
		a.ended = true
		if err == io.EOF && a.body.Trailer != nil {
			if a.resp.Trailer == nil {
				a.resp.Trailer = a.body.Trailer
			} else {
				maps.Copy(a.resp.Trailer, a.body.Trailer)
			}
		}
		a.conn.ended(err == io.EOF, a.head.Close)
	}
	return n, err
}

// Ready is how much of it can be read without waiting. It implements [Ready].
func (a *answer) Ready() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0
	}
	return a.body.Ready()
}

// Close ends the connection too, unless the body was read to its end. It may be
// called while Read waits.
func (a *answer) Close() error {
	if !a.mu.TryLock() {
		a.conn.nc.Close() // ends Read
		a.mu.Lock()
	}
	defer a.mu.Unlock()
	a.closed = true
	if !a.ended {
		a.ended = true
		a.conn.ended(false, true)
	}
	return nil
}
