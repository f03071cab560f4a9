package proxy

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// heldBody is the body of a request, read whole before it is sent: of one with a
// key, since what it asks for must be known before it is decided whether it is
// sent, and of a QUERY, since it is part of the cache's key.
type heldBody struct {
	room  bodyRoom
	bytes []byte
	held  int64
}

// bodyRoom counts the bytes of bodies that are held.
type bodyRoom interface {
	// Hold counts n more, if there is room for them.
	Hold(n int64) bool
	// Free gives n back.
	Free(n int64)
}

var (
	errBodyTooLarge = errors.New("the body is too large")
	errNoBodyRoom   = errors.New("no room for a further body")
)

// readBody reads a request's body. It counts as it comes: a client that only says
// that it will send much takes nothing. Of a body that is too large, or that
// there is no room for, what was read is there.
func readBody(x *exchange, limit int64, room bodyRoom) (*heldBody, error) {
	b := &heldBody{room: room}
	if x.body.src == nil {
		return b, nil
	}
	if x.r.ContentLength > limit {
		return b, errBodyTooLarge
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := x.body.Read(buf[:])
		b.bytes = append(b.bytes, buf[:n]...)
		if int64(len(b.bytes)) > limit {
			return b, errBodyTooLarge
		}
		if !room.Hold(int64(n)) {
			return b, errNoBodyRoom
		}
		b.held += int64(n)
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// release gives the room back. Once more does no harm.
func (b *heldBody) release() {
	b.room.Free(b.held)
	b.held, b.bytes = 0, nil
}

// put makes the body that was read the one that an exchange sends.
func (b *heldBody) put(x *exchange) {
	if len(b.bytes) == 0 && len(x.r.Trailer) == 0 {
		x.body.src, x.r.ContentLength = nil, 0
		return
	}
	x.body.src, x.body.bound = io.NopCloser(bytes.NewReader(b.bytes)), &x.bound
	x.body.setDeadline, x.body.guard = func(time.Time) error { return nil }, nil
	x.body.eof = true // nothing of it is left on the client's connection
	x.body.bytes.Store(0)
	if len(x.r.Trailer) == 0 {
		x.r.ContentLength = int64(len(b.bytes))
	}
}
