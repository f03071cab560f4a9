// Package replay keeps a request's body while it is sent, so that it can be sent
// again.
package replay

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/levee-proxy/levee/proxy/h1/client"
)

// ErrNotKept is how the body of a further attempt ends of which not all was kept.
var ErrNotKept = errors.New("the request's body is too large to be sent again")

// Body keeps a request's body while it streams to the upstream, up to a
// limit, so that a further attempt can send it again: first what was kept, and
// then, as the first attempt would have, what the client still sends.
//
// Each attempt reads by a reader of its own. An earlier one may still be
// waiting for the client when the next begins, as the transport reads on a
// goroutine of its own: then that one's bytes are kept for the next, and no two
// ever read from the client at once.
type Body struct {
	src   io.Reader
	limit int

	mu      sync.Mutex
	changed *sync.Cond // when reading ends, and when a reader is stopped
	reading bool       // somebody reads from src
	kept    []byte
	total   int   // bytes read from src
	over    bool  // not all of them are kept
	err     error // with which src ended
}

// New keeps the body of src up to a limit. A length that is known to be
// over it, negative if it isn't known, means that nothing is kept.
func New(src io.Reader, length int64, limit int) *Body {
	b := &Body{src: src, limit: limit}
	b.changed = sync.NewCond(&b.mu)
	switch {
	case length > int64(limit):
		b.limit = 0
	case length > 0:
		b.kept = make([]byte, 0, length)
	}
	return b
}

// Spent says that the body can't be sent again from its beginning. No body, a nil
// one, always can.
func (b *Body) Spent() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

// Whole says that all of the body has come, and is kept, as all of a nil one has.
func (b *Body) Whole() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err == io.EOF && !b.over
}

// Reader begins at the body's beginning. At its end it calls trailer, if that
// isn't nil.
func (b *Body) Reader(trailer func()) *Reader { return &Reader{b: b, trailer: trailer} }

// took notes what was read from src. b.mu must be held.
func (b *Body) took(p []byte, err error) {
	b.total += len(p)
	if len(b.kept)+len(p) > b.limit {
		b.over, b.kept = b.over || len(p) > 0, nil
	} else if !b.over {
		b.kept = append(b.kept, p...)
	}
	b.err = err
}

// Reader is the body of one attempt. Once the attempt is over it is stopped, by
// Stop; Close is the transport's, and ends nothing.
type Reader struct {
	b       *Body
	trailer func()

	at    int // guarded by b.mu
	ended bool
}

// Read implements [io.Reader]. It waits for what an earlier attempt is about to read.
func (r *Reader) Read(p []byte) (int, error) {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case r.ended:
			return 0, http.ErrBodyReadAfterClose
		case r.at < b.total && b.over:
			return 0, ErrNotKept
		case r.at < b.total:
			n := copy(p, b.kept[r.at:])
			r.at += n
			return n, nil
		case b.err != nil:
			return 0, r.end(b.err)
		case !b.reading:
			return r.readOn(p)
		}
		b.changed.Wait() // for what an earlier attempt still reads
	}
}

// Ready is how much of it can be read without waiting: what is kept, or what its
// source knows to be there. It implements [client.Ready].
func (r *Reader) Ready() int {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.ended || r.at < b.total && b.over:
		return 0
	case r.at < b.total:
		return b.total - r.at
	case b.reading || b.err != nil:
		return 0
	}
	if src, ok := b.src.(client.Ready); ok {
		return src.Ready()
	}
	return 0
}

// readOn reads what nobody has read yet. b.mu must be held; it isn't meanwhile.
func (r *Reader) readOn(p []byte) (int, error) {
	b := r.b
	n, err := b.unlocked(p)
	b.took(p[:n], err)
	r.at += n
	return n, r.end(err)
}

// unlocked reads from the source without the lock. A panic there stays one, and
// leaves nobody waiting.
func (b *Body) unlocked(p []byte) (int, error) {
	b.reading = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.reading = false
		b.changed.Broadcast() // who is woken needs the lock
	}()
	return b.src.Read(p)
}

func (r *Reader) end(err error) error {
	if err == io.EOF && r.trailer != nil {
		r.trailer()
		r.trailer = nil
	}
	return err
}

// Touched says whether the attempt has read any of the body.
func (r *Reader) Touched() bool {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	return r.at > 0
}

// Stop ends the reading of an attempt that is over.
func (r *Reader) Stop() {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.ended = true
	r.b.changed.Broadcast()
}

// Last says that no further attempt will follow this one's: what it has read
// need not be kept any longer.
func (r *Reader) Last() {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.at < b.total {
		return // it still sends what was kept
	}
	b.limit, b.over, b.kept = 0, b.over || b.total > 0, nil
}

// Close implements [io.Closer]. The transport closes a body when it is done with
// it; the next attempt may not be.
func (r *Reader) Close() error { return nil }
