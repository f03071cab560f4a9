package client

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// uploadSize is how much of a body is in hand at a time.
const uploadSize = 32 << 10

// uploadTail is room behind a chunk, for its end and the last one.
const uploadTail = 64

var uploads = sync.Pool{New: func() any { return new([h1.ChunkRoom + uploadSize + uploadTail]byte) }}

// upload is a request's body on its way, on a goroutine of its own.
//
// It ends when all was written; when the connection takes no more, which it
// leaves to the reader to report, as an answer may have come before; or when the
// body fails: then it ends the connection, since the upstream would wait for the
// rest for ever.
type upload struct {
	conn    *Conn
	body    io.Reader
	framing h1.Framing
	left    int64 // of the length
	trailer http.Header

	expects   chan struct{} // nil, or closed when a 100 has come
	told      bool
	final     chan struct{} // closed when the final response has
	finalOnce sync.Once

	last  atomic.Bool   // its last bytes are being written
	done  chan struct{} // closed when it has ended
	wrote bool          // all of it, once done

	mu  sync.Mutex
	err error // of the body
}

func newUpload(c *Conn, req *http.Request, f h1.Framing, expects bool) *upload {
	u := &upload{conn: c, body: req.Body, framing: f, left: f.Length, trailer: req.Trailer, done: make(chan struct{})}
	if expects {
		u.expects, u.final = make(chan struct{}), make(chan struct{})
	}
	return u
}

// proceed is for when a 100 has come.
func (u *upload) proceed() {
	if u.expects != nil && !u.told {
		u.told = true
		close(u.expects)
	}
}

// answered is for when no 100 will come any more.
func (u *upload) answered() {
	if u.final != nil {
		u.finalOnce.Do(func() { close(u.final) })
	}
}

// failure is the body's error, if it had one.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// complete says whether all was written. If it wasn't yet, but is at its last
// bytes, it is waited for, though not for long.
func (u *upload) complete() bool {
	select {
	case <-u.done:
		return u.wrote
	default:
	}
	if !u.last.Load() {
		return false
	}
	timer := time.NewTimer(lateWrite)
	defer timer.Stop()
	select {
	case <-u.done:
		return u.wrote
	case <-timer.C:
		return false
	}
}

func (u *upload) run() {
	defer close(u.done)
	if u.expects != nil && !u.permitted() {
		return
	}
	buf := uploads.Get().(*[h1.ChunkRoom + uploadSize + uploadTail]byte)
	defer uploads.Put(buf)
	err := u.copy(buf[:])
	if write, ok := errors.AsType[writeError](err); ok {
		_ = write // the reader will see
		return
	}
	if err != nil {
		u.mu.Lock()
		u.err = err
		u.mu.Unlock()
		u.conn.ContextEnded() // as if it were for that
		return
	}
	u.wrote = true
}

// permitted waits for a 100, or for too long. False: there was another answer.
func (u *upload) permitted() bool {
	timer := time.NewTimer(expectTimeout)
	defer timer.Stop()
	select {
	case <-u.expects:
		return true
	case <-u.final:
		return false
	case <-timer.C:
		return true
	}
}

// writeError is an error of the connection, not of the body.
type writeError struct{ error }

func (u *upload) write(p []byte) error {
	if _, err := u.conn.nc.Write(p); err != nil {
		return writeError{err}
	}
	return nil
}

// copy writes the body.
func (u *upload) copy(buf []byte) error {
	if u.framing.Kind == h1.Chunked {
		return u.chunks(buf)
	}
	for u.left > 0 {
		n, err := u.body.Read(buf[:uploadSize])
		if int64(n) > u.left {
			return &Unsendable{"a body longer than declared"}
		}
		u.left -= int64(n)
		u.last.Store(u.left == 0)
		if n > 0 {
			if err := u.write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && u.left == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return atEnd(u.body)
}

// chunks writes the body in chunks, the last one together with the end where
// both are known at once.
func (u *upload) chunks(buf []byte) error {
	for {
		n, err := u.body.Read(buf[h1.ChunkRoom : h1.ChunkRoom+uploadSize])
		if err != nil && err != io.EOF {
			return err
		}
		var out []byte
		if n > 0 {
			out = h1.SealChunk(buf, n)
		}
		if err == io.EOF {
			out = h1.AppendLastChunk(out, u.trailer)
			u.last.Store(true)
		}
		if len(out) > 0 {
			if err := u.write(out); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}
