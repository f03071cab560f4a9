package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// answer is what an exchange writes. The header's lines are written down when
// the status is; what says how the body is framed is put behind them when that
// is known: at the latest when more than holdMost of it has come, with the
// first flush, or at the end. So a short answer needs no chunks, and leaves in
// one write.
type answer struct {
	header    http.Header
	status    int   // 0: not said yet
	length    int64 // as declared; -1: it isn't
	written   int64
	out       *[]byte // nil: nothing waits to be written
	held      int     // where in out the body begins that waits for its framing
	decided   bool
	framing   h1.Kind
	closing   bool // no other request follows
	dated     bool
	typed     bool // or not to be
	connected []string
	announced []string // names of trailers
	trails    bool     // there may be trailers
	err       error    // of writing
	over      bool     // the handler has returned
}

// holdMost is how much of a body of unknown length waits for more.
const holdMost = 2 << 10

// headers are handlers' while their answers last: nobody may use a
// [http.ResponseWriter] any longer, and making a map for more than eight fields
// costs more than all else that an exchange is made of.
var headers = sync.Pool{New: func() any { return make(http.Header, 16) }}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header {
	switch {
	case x.header != nil:
	case x.over:
		return http.Header{} // it comes too late
	default:
		x.header = headers.Get().(http.Header)
	}
	return x.header
}

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) { x.writeHeader(status, nil, nil) }

// WriteFields is WriteHeader with the fields of h beside those of Header, which
// have precedence, but for those that leave says. It spares whoever has a header
// already to copy it. The body's type isn't guessed. h isn't kept.
func (x *exchange) WriteFields(status int, h http.Header, leave func(name string) bool) {
	x.typed = true
	x.writeHeader(status, h, leave)
}

func (x *exchange) writeHeader(status int, h http.Header, leave func(name string) bool) {
	switch {
	case x.hijacked:
		x.c.s.logf("WriteHeader on a hijacked connection")
		return
	case x.status != 0:
		x.c.s.logf("superfluous WriteHeader: %d behind %d", status, x.status)
		return
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %d", status))
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		x.interim(status)
		return
	}
	x.silence()
	x.status = status
	x.writeDown(h, leave)
}

// interim sends an answer of which there may be several, before the final one.
func (x *exchange) interim(status int) {
	if x.head.Minor == 0 {
		return // its client knows none (RFC 9110, section 15.2)
	}
	b := h1.AppendHeader(h1.AppendStatusLine(nil, status), x.header)
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if status == http.StatusContinue {
		x.mayContinue.Store(false)
	}
	x.c.boundWrite()
	x.fail(x.c.write(&b, []byte("\r\n")))
}

// writeDown puts the status line and the header's lines into the buffer, but for
// those that are decided later.
func (x *exchange) writeDown(more http.Header, leave func(name string) bool) {
	if x.c.tls != nil {
		x.out = outsTLS.Get().(*[]byte)
	} else {
		x.out = takeOut()
	}
	b := appendStatus(*x.out, x.status, x.head.Minor)
	for name, values := range x.header {
		b = x.appendField(b, name, values)
	}
	for name, values := range more {
		if _, said := x.header[name]; !said && !leave(name) {
			b = x.appendField(b, name, values)
		}
	}
	*x.out, x.held = b, len(b)
}

// appendField appends a field's lines, and takes note of what they say.
func (x *exchange) appendField(b []byte, name string, values []string) []byte {
	switch name {
	case "Content-Length":
		x.declare(values)
		return b
	case "Transfer-Encoding":
		return b // is the server's to say
	case "Connection":
		x.connect(values)
		return b
	case "Date":
		x.dated = true
	case "Content-Type":
		x.typed = true
		if x.status == http.StatusNotModified {
			return b
		}
	case "Content-Encoding":
		x.typed = true
	case "Trailer":
		x.announce(values)
	default:
		if name[0] == 'T' && strings.HasPrefix(name, http.TrailerPrefix) {
			x.trails = true
			return b
		}
	}
	for _, v := range values {
		b = h1.AppendField(b, name, v)
	}
	return b
}

// declare takes a Content-Length, if it is one.
func (x *exchange) declare(values []string) {
	if len(values) == 0 {
		return
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 {
		x.c.s.logf("invalid Content-Length of %q", values[0])
		return
	}
	x.length = n
}

func (x *exchange) connect(values []string) {
	x.connected = values
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "close") {
				x.closing = true
			}
		}
	}
}

func (x *exchange) announce(values []string) {
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" {
				x.trails = true
				x.announced = append(x.announced, name)
			}
		}
	}
}

// bodyless says whether the answer has no body, whatever is written.
func (x *exchange) bodyless() bool {
	return x.head.Method == http.MethodHead || !bodyAllowed(x.status)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// decide settles how the body is framed, and ends the header. done: nothing
// more comes. more is what comes next, but for what is held.
func (x *exchange) decide(done bool, more []byte) {
	x.decided = true
	held := (*x.out)[x.held:]
	if len(held) == 0 {
		*x.out = x.endHeader(*x.out, done, 0, more)
		return
	}
	var room [512]byte
	b := x.endHeader(room[:0], done, len(held), held)
	if x.framing == h1.Chunked {
		b = h1.AppendChunkSize(b, len(held))
		*x.out = append(*x.out, "\r\n"...)
	}
	*x.out = slices.Insert(*x.out, x.held, b...)
}

// endHeader appends how the body is framed, and what else was left open. Of the
// body, so much is held, and it begins with first, as far as it is there.
func (x *exchange) endHeader(b []byte, done bool, held int, first []byte) []byte {
	length := x.length
	switch {
	case x.bodyless():
		if length < 0 && done && x.written > 0 && x.written <= holdMost {
			length = x.written
		}
		if length >= 0 && bodyAllowed(x.status) {
			b = h1.AppendFraming(b, h1.Framing{Kind: h1.Length, Length: length})
		}
	case length >= 0:
		x.framing = h1.Length
	case done && !x.trails:
		x.framing, length = h1.Length, int64(held)
	case x.head.Minor > 0:
		x.framing = h1.Chunked
	default:
		x.framing, x.closing = h1.ToClose, true
	}
	if x.framing != h1.None {
		b = h1.AppendFraming(b, h1.Framing{Kind: x.framing, Length: length})
	}
	if !x.typed && x.framing != h1.None && len(first) > 0 {
		b = h1.AppendField(b, "Content-Type", http.DetectContentType(first))
	}
	if !x.dated {
		b = appendDate(b)
	}
	b = x.appendConnection(b)
	return append(b, "\r\n"...)
}

// appendConnection says what becomes of the connection.
func (x *exchange) appendConnection(b []byte) []byte {
	if x.status == http.StatusSwitchingProtocols {
		for _, v := range x.connected {
			b = h1.AppendField(b, "Connection", v)
		}
		return b
	}
	// A client that may still wait for a 100, or has a lot to send, is not waited for.
	expects := x.head.Expect && !x.body.whole()
	if x.head.Close || x.c.s.closing.Load() || expects || x.body.large() || x.body.failed.Load() {
		x.closing = true
	}
	switch {
	case x.closing && x.head.Minor > 0:
		return append(b, "Connection: close\r\n"...)
	case x.closing:
		return b
	case x.head.Minor == 0:
		return append(b, "Connection: keep-alive\r\n"...)
	}
	for _, v := range x.connected {
		b = h1.AppendField(b, "Connection", v)
	}
	return b
}

// Write implements [http.ResponseWriter].
func (x *exchange) Write(p []byte) (int, error) {
	if x.hijacked {
		return 0, http.ErrHijacked
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !bodyAllowed(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	x.written += int64(len(p))
	switch {
	case x.length >= 0 && x.written > x.length:
		return 0, http.ErrContentLength
	case x.err != nil:
		return 0, x.err
	case x.head.Method == http.MethodHead:
		return len(p), nil
	}
	if !x.decided {
		if x.length < 0 && len(*x.out)-x.held+len(p) <= holdMost {
			*x.out = append(*x.out, p...)
			return len(p), nil
		}
		x.decide(false, p)
	}
	if err := x.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements [io.StringWriter].
func (x *exchange) WriteString(s string) (int, error) {
	return x.Write(unsafe.Slice(unsafe.StringData(s), len(s))) // which is only read
}

// send sends a piece of the body whose framing is decided: into the buffer
// where it fits, from where it is otherwise.
func (x *exchange) send(p []byte) error {
	b := *x.out
	tail := ""
	if x.framing == h1.Chunked {
		b = h1.AppendChunkSize(b, len(p))
		tail = "\r\n"
	}
	if len(b)+len(p)+len(tail) <= cap(b) {
		b = append(b, p...)
		*x.out = append(b, tail...)
		return nil
	}
	*x.out = b
	x.c.boundWrite()
	return x.fail(x.c.write(x.out, p, []byte(tail)))
}

// fail notes an error of writing: the client is gone.
func (x *exchange) fail(err error) error {
	if err != nil && x.err == nil {
		x.err = err
		x.ctx.End(context.Canceled)
	}
	return err
}

// Flush implements [http.Flusher].
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError serves [http.ResponseController].
func (x *exchange) FlushError() error {
	if x.hijacked {
		return http.ErrHijacked
	}
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if !x.decided {
		x.decide(false, nil)
	}
	return x.flush()
}

func (x *exchange) flush() error {
	switch {
	case x.err != nil:
		return x.err
	case len(*x.out) == 0:
		return nil
	}
	x.c.boundWrite()
	_, err := x.c.rw.Write(*x.out)
	*x.out = (*x.out)[:0]
	return x.fail(err)
}

// complete ends the answer, and returns whether another may follow it.
func (x *exchange) complete() bool {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if !x.decided {
		x.decide(true, nil)
	}
	if x.framing == h1.Chunked {
		*x.out = h1.AppendLastChunk(*x.out, x.trailer())
	}
	socket.Yield()
	err := x.flush()
	x.drop()
	short := x.framing == h1.Length && x.length >= 0 && x.written != x.length
	switched := x.status == http.StatusSwitchingProtocols // and nobody goes on: what follows is no HTTP
	return err == nil && !short && !x.closing && !switched
}

// trailer is what the handler has put behind the body; nil: nothing.
func (x *exchange) trailer() (t http.Header) {
	add := func(name string, values []string) {
		if t == nil {
			t = http.Header{}
		}
		t[name] = append(t[name], values...)
	}
	for name, values := range x.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(name, values)
		}
	}
	for _, name := range x.announced {
		if values := x.header[name]; len(values) > 0 {
			add(name, values)
		}
	}
	return t
}

// drop gives the buffer back, with what is in it, and the header.
func (x *exchange) drop() {
	x.over = true
	if h := x.header; h != nil {
		x.header = nil
		if len(h) <= 64 { // a map never shrinks
			clear(h)
			headers.Put(h)
		}
	}
	if x.out != nil {
		giveOut(x.out)
		x.out = nil
	}
}

// appendStatus appends a status line of the version that the client speaks.
func appendStatus(b []byte, status, minor int) []byte {
	if status == http.StatusOK && minor == 1 {
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	}
	at := len(b)
	b = h1.AppendStatusLine(b, status)
	b[at+len("HTTP/1.")] = '0' + byte(minor)
	return b
}
