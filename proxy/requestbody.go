package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1/client"
)

// requestBody is the client's body as the upstream's transport reads it. It
// moves the client's read deadline along with progress, counts, and remembers
// how reading failed: then the failure is the client's, not the upstream's.
//
// The transport reads on a goroutine of its own, and may do so after an early
// answer has ended the exchange, when the server has taken its response writer
// back: from then on nothing of it may be touched. And it closes a body when
// it is done with it, at times before the exchange is over; closing the
// client's own is left to the server.
type requestBody struct {
	src     io.ReadCloser
	trailer func()
	bound   *bound
	bytes   atomic.Int64
	present bool // all of it had come when the exchange began

	setDeadline func(time.Time) error // of the client's connection or stream, for reading

	reads sync.Mutex // held while src is read
	mu    sync.Mutex
	guard *progress // nil: the client may be silent
	heard bool      // the answer has begun: the client may be silent
	eof   bool      // all of it was read
	ended bool      // the exchange is over
	gone  bool      // nobody wants the rest
	left  bool      // its client has ended the request
	err   error     // the first that isn't io.EOF
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.bound.asks(time.Now()) // before the look whether the rest is wanted: see bound.over
	n, err, over := b.read(p)
	if over {
		return 0, http.ErrBodyReadAfterClose
	}
	b.bound.got(time.Now(), n, err)
	b.bytes.Add(int64(n))
	switch {
	case err == io.EOF:
		b.mu.Lock()
		b.eof = true
		b.mu.Unlock()
		if b.alive((*progress).lift) && b.trailer != nil {
			b.trailer()
		}
	case err == nil:
		b.alive((*progress).after)
	}
	return n, err
}

// Ready is how much of it can be read without waiting, as far as its source
// knows. It implements [client.Ready].
func (b *requestBody) Ready() int {
	if r, ok := b.src.(client.Ready); ok {
		return r.Ready()
	}
	return 0
}

// read reads from the client, unless the exchange is over.
func (b *requestBody) read(p []byte) (n int, err error, over bool) {
	b.reads.Lock()
	defer b.reads.Unlock()
	if !b.alive((*progress).before) {
		return 0, nil, true
	}
	n, err = b.src.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		if b.err == nil && (!b.left || !errors.Is(err, os.ErrDeadlineExceeded)) {
			b.err = err
		}
		b.mu.Unlock()
	}
	return n, err, false
}

// halt ends the read that is under way, if one is, once end has seen to it that
// there are no more. Over HTTP/2 it must come before the stream's last frame:
// net/http's server makes a window update of each read, and where one is still
// queued behind the frame that ends the stream, it panics and takes the whole
// connection down (closeStream in h2_bundle.go, Go 1.26: "attempt to send frame
// on a closed stream").
func (b *requestBody) halt(now time.Time) {
	if b.setDeadline(now) != nil {
		return // it can't be ended
	}
	b.reads.Lock()
	defer b.reads.Unlock()
}

// alive does what moves the client's deadline, unless the exchange is over.
func (b *requestBody) alive(move func(*progress)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.gone {
		return false
	}
	if b.guard != nil && !b.heard {
		move(b.guard)
	}
	return true
}

// cut ends a read that waits for the client, where one does, and any further.
func (b *requestBody) cut(now time.Time, waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.gone = true
	if waits {
		_ = b.setDeadline(now) // where there are no deadlines, it ends when the client sends
	}
}

// answered lifts the deadline: once the answer has begun, a client that only
// listens is no slow client.
func (b *requestBody) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.guard != nil && !b.heard && !b.ended && !b.gone {
		b.guard.lift()
	}
	b.heard = true
}

// end cuts the body off from the client's connection. It returns whether the
// client still has to send some of it.
func (b *requestBody) end() (unread bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.guard != nil {
		b.guard.end()
	}
	return b.src != nil && !b.eof
}

func (b *requestBody) Close() error { return nil }

// written says, once an answer has come, whether the transport can't be at it any
// more: there is none, or it was there from the beginning and went out with the
// request's header.
func (b *requestBody) written() bool {
	if b.src == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.present && b.eof
}

// drainMost is how much of a body servers read for nothing, to keep its connection.
const drainMost = 256 << 10

// outrun says whether an answer that begins now comes before the body's end, and
// must be the last on its connection: net/http's.
//
// Where an answer may come that early (EnableFullDuplex), net/http reads the rest
// when the handler has returned, and takes the body's end for the handler's doing: it
// sets a second reader on the connection, and whoever reads there next, on
// whichever goroutine, panics (golang.org/issue/68560). If the rest is malformed or
// its reading breaks off, it takes what follows for a request. Only of a short
// rest that nobody else reads letGo sees the end before.
func (x *exchange) outrun() bool {
	b := &x.body
	if b.src == nil || x.r.ProtoMajor != 1 || x.conn.boundsWrites(x.r) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.eof && (x.sent || b.err != nil || x.r.ContentLength < 0 || x.r.ContentLength-b.bytes.Load() > drainMost)
}

// letGo leaves what is left of a body over HTTP/1.1 to the server, which reads it for
// nothing; not for ever. net/http is made to before the handler returns, unless the
// answer is the last on its connection anyway, or the client was to wait with the body
// for a 100. The answer must go out first: its client may wait for it with the rest.
func (x *exchange) letGo() {
	x.conn.linger()
	if x.sent || x.record.Aborted || x.conn.boundsWrites(x.r) || x.outrun() || x.closes() || x.r.Header["Expect"] != nil {
		return
	}
	if http.NewResponseController(x.began.ResponseWriter).Flush() != nil {
		return
	}
	_ = x.r.Body.Close() // which fails where reading does: then nothing more comes
}

// closes says whether an answer of Levee's own is the last on its connection: as
// it is told to be, as framing is in doubt, or as too much of the request's body
// is left to read it for nothing. The client must be told, or its next request
// goes to a connection that is about to end.
func (x *exchange) closes() bool {
	if x.closing || x.r.ProtoMajor != 1 {
		return x.closing
	}
	b := &x.body
	return b.failed() != nil || b.src != nil && x.r.ContentLength-b.bytes.Load() > drainMost
}

// failed is how reading failed, if it did.
func (b *requestBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// failedBy is failed, once the request has ended by a cause; nil: it hasn't. Where a
// body breaks off, the server first ends the request and then tells who reads: that
// one's word is waited for.
func (b *requestBody) failedBy(cause error) error {
	if !errors.Is(cause, context.Canceled) || b.src == nil {
		return b.failed()
	}
	b.mu.Lock()
	b.left = true
	waits := !b.ended && b.setDeadline(time.Now()) == nil
	b.mu.Unlock()
	if waits {
		b.reads.Lock()
		defer b.reads.Unlock()
	}
	return b.failed()
}
