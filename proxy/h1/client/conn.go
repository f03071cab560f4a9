package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/socket"
)

// Observer hears of interim (1xx) responses but 101.
type Observer interface {
	// Interim is told of each. The header is used again afterwards. An error ends
	// the request and its connection, and is returned from RoundTrip.
	Interim(status int, h http.Header) error
}

// maxInterim is how many interim responses are read where nobody observes them.
const maxInterim = 8

// ErrInterim is too many interim responses.
var ErrInterim = errors.New("too many interim responses")

// expectTimeout is how long a 100 is waited for until the body is sent without
// (RFC 9110, section 10.1.1: "the client SHOULD NOT wait for an indefinite
// period").
const expectTimeout = time.Second

// lateWrite is how long a request's last bytes, which the upstream has read
// already when it answers them, may take to be noted as written here. After that
// the connection isn't kept.
const lateWrite = 50 * time.Millisecond

// past is a deadline that is over.
var past = time.Unix(1, 0)

// Conn sends requests on one connection, one at a time. Between RoundTrip and
// the end of the response's body it belongs to that request.
type Conn struct {
	nc     net.Conn
	limits *h1.Limits
	source source
	reader h1.Reader
	turner Turner // nil: nc is none
	used   bool   // a request was sent

	watch h1.Watch // over the request's context

	upload *upload // nil: the request was written whole
	spent  bool    // no further request may be sent
	idle   bool    // the last response has come to its end
}

// New returns a Conn on a byte stream, on which nothing was sent or received.
// limits hold for each response's head, and are kept, not copied.
func New(nc net.Conn, limits *h1.Limits) *Conn {
	c := &Conn{nc: nc, limits: limits, idle: true}
	c.source.c = c
	c.turner, _ = nc.(Turner)
	c.reader.Reset(&c.source)
	return c
}

// Close closes the connection.
func (c *Conn) Close() error { return c.nc.Close() }

// Reusable says whether another request may be sent: the last one was written
// and its response read, all of both, nothing is left over, and the upstream
// didn't say that it closes the connection. It must be asked once the response's
// body is closed, or has given its end. It may wait for a moment for the end of
// the request's body to be noted as written.
//
// It doesn't look at the connection itself.
func (c *Conn) Reusable() bool {
	if c.spent || !c.idle {
		return false
	}
	if u := c.upload; u != nil {
		c.upload = nil
		if !u.complete() {
			c.spent = true
		}
	}
	return !c.spent
}

// RoundTrip sends a request and returns the final response's head; its body is
// to be read and closed, or at least closed. What comes before it is told to the
// observer, which may be nil. After an error the connection is closed.
//
// The request's body is read until its end, the response's, or an error, and
// perhaps on a goroutine that outlives the call by the time that the body's Read
// takes. It is not closed.
func (c *Conn) RoundTrip(ctx context.Context, req *http.Request, obs Observer) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, c.fail(err)
	}
	if c.spent || !c.idle {
		return nil, c.fail(net.ErrClosed)
	}
	c.idle = false
	c.watch.Begin(ctx, c)
	if err := c.send(req, obs); err != nil {
		return nil, c.fail(err)
	}
	a := answers.Get().(*answer)
	a.conn = c
	if err := c.await(req, a, obs); err != nil {
		return nil, c.fail(err)
	}
	return a.response(req), nil
}

// send writes the request, or its head where the body has to be waited for.
func (c *Conn) send(req *http.Request, obs Observer) error {
	f := framingOf(req)
	var fields Fields
	if req.Header == nil {
		fields, _ = obs.(Fields)
	}
	out := heads.Get().(*head)
	now := true
	defer func() {
		if now {
			out.free()
		}
	}()
	var err error
	if out.bytes, err = appendHead(out.bytes[:0], req, fields, f); err != nil {
		return err
	}
	if c.turns(req, f, out) {
		socket.Yield()
		now, c.source.pending = false, out
		return nil
	}
	socket.Yield() // before the look: what the body gives can't be read again for another connection
	if c.turner != nil && c.used && !c.turner.Quiet() {
		return ErrStale
	}
	c.used = true
	streams := req.Body != nil && f.Kind != h1.None
	expects := streams && (len(req.Header["Expect"]) > 0 || fields != nil && fields.Expects())
	if streams && !expects && takes(req.Body, f) {
		if err := out.take(req.Body, f.Length); err != nil {
			return err
		}
		streams = false
	}
	if _, err := c.nc.Write(out.bytes); err != nil {
		return err
	}
	if streams {
		c.upload = newUpload(c, req, f, expects)
		go c.upload.run()
	}
	return nil
}

// await reads responses up to the final one.
func (c *Conn) await(req *http.Request, a *answer, obs Observer) error {
	toHead := req.Method == http.MethodHead
	for interim := 1; ; interim++ {
		if err := c.reader.ReadResponse(&a.head, toHead, c.limits); err != nil {
			return err
		}
		if !a.head.Interim() {
			break
		}
		if a.head.Status == http.StatusContinue && c.upload != nil {
			c.upload.proceed()
		}
		switch {
		case obs != nil:
			if err := obs.Interim(a.head.Status, a.head.Header); err != nil {
				return err
			}
		case interim > maxInterim:
			return ErrInterim
		}
	}
	if c.upload != nil {
		c.upload.answered()
	}
	return nil
}

// fail ends the connection with a request that has failed, and returns why.
func (c *Conn) fail(err error) error {
	c.spent = true
	c.source.drop()
	c.unwatched()
	if u := c.upload; u != nil {
		if cause := u.failure(); cause != nil {
			err = cause // the body gave out first, and ended the connection
		}
		u.answered()
	}
	c.nc.Close()
	c.reader.Reset(nil)
	return err
}

// unwatched ends the watch over the request's context. Where that has ended
// already, the connection's deadline is, or will be, over.
func (c *Conn) unwatched() {
	if !c.watch.End() {
		c.spent = true
	}
}

// ContextEnded ends what waits on the connection. It implements [h1.Watcher], for
// the request's context.
func (c *Conn) ContextEnded() { _ = c.nc.SetDeadline(past) }

// ended takes the connection back from a response. whole: its body was read to
// the end.
func (c *Conn) ended(whole, closes bool) {
	c.unwatched()
	if !whole || closes || c.reader.Buffered() > 0 {
		c.spent = true
	}
	c.idle = true
	if c.spent {
		c.nc.Close()
		c.reader.Reset(nil)
		return
	}
	c.reader.Release()
}
