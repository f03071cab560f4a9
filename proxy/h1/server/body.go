package server

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// body is a request's body. It may be read on another goroutine than the
// handler's, also while the handler returns; then it ends for the reader.
type body struct {
	x      *exchange
	ended  atomic.Bool // all of it was read, or there is none
	failed atomic.Bool // it can't be read any further
	closed atomic.Bool // the handler has returned

	mu    sync.Mutex // held while it is read
	h1    h1.Body
	freed atomic.Pointer[chan struct{}] // who takes it back waits there; nil: nobody does
}

// begin makes it the exchange's.
func (b *body) begin(x *exchange) {
	b.x = x
	b.h1.Reset(&x.c.r, x.head.Framing, &x.c.s.cfg.Limits)
	b.ended.Store(b.h1.Ended())
	if x.head.Expect {
		x.mayContinue.Store(true)
	}
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.free()
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.x.mayContinue.Load() {
		b.x.sayContinue()
	}
	n, err := b.h1.Read(p)
	switch {
	case err == nil:
	case err == io.EOF:
		b.end()
	default:
		b.failed.Store(true)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if _, malformed := errors.AsType[*h1.Error](err); !malformed {
			b.x.ctx.End(context.Canceled) // the connection is gone, or half of it
		}
	}
	return n, err
}

// free ends a read.
func (b *body) free() {
	b.mu.Unlock()
	if freed := b.freed.Load(); freed != nil {
		select {
		case *freed <- struct{}{}:
		default:
		}
	}
}

// Ready is how much can be read without waiting, as far as that is known: what came
// together with the header, mostly. It implements the upstream client's Ready, by
// which a short body is sent in one write with its request.
func (b *body) Ready() int {
	if b.x.mayContinue.Load() || !b.mu.TryLock() {
		return 0
	}
	defer b.free()
	if b.closed.Load() {
		return 0
	}
	return b.h1.Ready()
}

// end is for when all was read: then the trailers are there.
func (b *body) end() {
	if b.ended.Swap(true) {
		return
	}
	switch r := b.x.req; {
	case len(b.h1.Trailer) == 0: // nothing is written: a further attempt may be looking whether there are any
	case r.Trailer == nil:
		r.Trailer = b.h1.Trailer
	default:
		maps.Copy(r.Trailer, b.h1.Trailer)
	}
}

// Close implements [io.Closer]. It does nothing: what is left is the server's.
func (b *body) Close() error { return nil }

// whole says whether nothing of the body is left on the connection.
func (b *body) whole() bool { return b.ended.Load() }

// drainMost is how much of a body is read for nothing, to keep its connection.
const drainMost = 256 << 10

// large says whether what is left is known to be more than is worth reading.
func (b *body) large() bool {
	f := b.x.head.Framing
	return f.Kind == h1.Length && f.Length > drainMost && !b.whole()
}

// drain takes the body back from the handler, and reads what is left if that is
// little. It returns whether another request may follow.
func (b *body) drain(keep bool) bool {
	if b.x.head.Framing.Empty() {
		return keep // the handler hasn't got it
	}
	b.closed.Store(true) // first: who reads piece by piece, with a deadline each, must not begin another
	keep = keep && (b.whole() || !b.large())
	if keep && !b.whole() {
		_ = b.x.c.wire.boundRead(b.x.c.s.cfg.Drain)
	}
	if !b.mu.TryLock() {
		// Somebody still waits for more of it: for a piece of what is left, which he
		// may have. Where such a read is ended, nobody can go on.
		if keep {
			b.awaitReader()
		} else {
			_ = b.x.c.wire.SetReadDeadline(longAgo)
		}
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.whole() {
		return keep
	}
	if !keep || b.h1.Err() != nil {
		return false
	}
	out := takeOut()
	defer giveOut(out)
	room := (*out)[:cap(*out)]
	for total := 0; total <= drainMost; {
		n, err := b.h1.Read(room)
		total += n
		if err != nil {
			b.ended.Store(err == io.EOF)
			return err == io.EOF
		}
	}
	return false
}

// awaitReader waits until the read that is under way has ended.
func (b *body) awaitReader() {
	freed := make(chan struct{}, 1)
	b.freed.Store(&freed)
	if b.mu.TryLock() { // it has ended just before, and may have seen nobody
		b.mu.Unlock()
		return
	}
	<-freed
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)
