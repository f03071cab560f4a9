package server

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// exchange is a request and its answer. All that belongs to it alone lies in it.
// It is used again for another only where the handler has let go of it: another
// handler that keeps some of it for too long finds it ended, never another
// client's.
//
// It is the handler's [http.ResponseWriter].
type exchange struct {
	c    *conn
	head *h1.RequestHead
	url  url.URL
	req  *http.Request // with ctx for its context
	ctx  requestContext
	body body
	answer

	place    place // in the sweep; guarded by its lock
	looked   bool  // it was looked at there, or is just being; guarded by the same lock
	watching bool  // guarded by the context's

	wmu         sync.Mutex // held while a 100 is written, which a reader of the body may do
	mayContinue atomic.Bool

	hijacked bool
	letGo    bool          // see LetGo
	blank    *http.Request // what req is made of, where that is used again
}

// handle calls the handler. True: it panicked, and no answer must look whole.
func (x *exchange) handle() (aborted bool) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		aborted = true
		if v != http.ErrAbortHandler {
			x.c.s.logf("panic serving %s: %v\n%s", x.c.remote, v, debug.Stack())
		}
	}()
	x.length = -1
	x.c.s.cfg.Handler.ServeHTTP(x, x.req)
	return false
}

// finish sends what is left of the answer, and returns whether another request
// may follow.
func (x *exchange) finish() bool {
	keep := x.complete()
	x.silence()
	keep = x.body.drain(keep)
	_ = x.c.wire.SetWriteDeadline(time.Time{})
	return keep
}

// abort cuts the connection in the middle of an answer. Where only its end tells
// how long the answer is, it must not look like one.
func (x *exchange) abort() {
	x.drop()
	x.silence()
	_ = x.body.drain(false)
	if x.decided && x.framing == h1.ToClose {
		if tcp, ok := x.c.wire.bottom.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		x.c.nc.Close()
	}
}

// sayContinue tells the client to send the body, unless its answer has begun.
func (x *exchange) sayContinue() {
	x.wmu.Lock()
	defer x.wmu.Unlock()
	if !x.mayContinue.Swap(false) {
		return
	}
	x.c.boundWrite()
	_, _ = io.WriteString(x.c.rw, "HTTP/1.1 100 Continue\r\n\r\n") // an error comes again
}

// silence sees to it that no 100 is said any more, and waits for one that is
// just being written: it may not come in the middle of an answer.
func (x *exchange) silence() {
	if x.head.Expect {
		x.wmu.Lock()
		x.mayContinue.Store(false)
		x.wmu.Unlock()
	}
}

// SetReadDeadline serves [http.ResponseController].
func (x *exchange) SetReadDeadline(t time.Time) error { return x.c.wire.SetReadDeadline(t) }

// SetWriteDeadline serves [http.ResponseController].
func (x *exchange) SetWriteDeadline(t time.Time) error { return x.c.wire.SetWriteDeadline(t) }

// NetConn is the connection that was given to [Server.Serve].
func (x *exchange) NetConn() net.Conn { return x.c.nc }

// EnableFullDuplex serves [http.ResponseController]. There is nothing to enable.
func (x *exchange) EnableFullDuplex() error { return nil }

// Hijack implements [http.Hijacker]. What has begun of an answer is sent first.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if x.hijacked {
		return nil, nil, http.ErrHijacked
	}
	if !x.body.whole() {
		return nil, nil, errors.New("the request's body is unread")
	}
	x.silence()
	if x.status != 0 {
		if err := x.FlushError(); err != nil {
			return nil, nil, err
		}
	}
	x.hijacked = true
	x.unwatchForGood()
	c := x.c
	c.wire.forget()
	early := bytes.Clone(c.r.Peek())
	br := bufio.NewReader(io.MultiReader(bytes.NewReader(early), c.rw))
	if len(early) > br.Size() {
		br = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), c.rw), len(early))
	}
	if _, err := br.Peek(len(early)); err != nil {
		return nil, nil, err
	}
	_, _ = io.CopyN(io.Discard, &c.r, int64(len(early)))
	c.r.Release()
	return c.rw, bufio.NewReadWriter(br, bufio.NewWriter(c.rw)), nil
}
