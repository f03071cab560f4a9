package h1

import (
	"bytes"
	"io"
	"sync"
)

// BufferSize is what a [Reader] reads at a time, in bytes. A small answer comes
// whole.
const BufferSize = 8 << 10

// buffer is a Reader's memory while a message is read.
type buffer struct {
	bytes []byte
	spans []span // of the field lines that were parsed last
}

var buffers = sync.Pool{New: func() any { return &buffer{bytes: make([]byte, BufferSize)} }}

// Reader reads messages from a connection. It takes a buffer from a pool when it
// has to read, and gives it back by [Reader.Release]: a connection between two
// messages needs none. The zero value is ready for Reset.
type Reader struct {
	src  io.Reader
	buf  *buffer // nil: nothing is buffered
	r, w int
}

// NewReader returns a Reader of src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Reset makes it a Reader of src with nothing buffered.
func (r *Reader) Reset(src io.Reader) {
	r.r = r.w
	r.Release()
	r.src = src
}

// Release gives the buffer back, unless there is something in it. It returns
// whether nothing was.
func (r *Reader) Release() bool {
	if r.r < r.w {
		return false
	}
	r.r, r.w = 0, 0
	if b := r.buf; b != nil {
		r.buf = nil
		if len(b.bytes) == BufferSize { // a grown one is rare, and would stay large
			buffers.Put(b)
		}
	}
	return true
}

// Buffered is how many bytes were read from the source and not yet taken.
func (r *Reader) Buffered() int { return r.w - r.r }

// Peek returns the bytes that are buffered, without taking them. They are valid
// until the next call.
func (r *Reader) Peek() []byte {
	if r.buf == nil {
		return nil
	}
	return r.buf.bytes[r.r:r.w]
}

// take gives the buffer, of which it may hold none yet.
func (r *Reader) take() *buffer {
	if r.buf == nil {
		r.buf = buffers.Get().(*buffer)
	}
	return r.buf
}

// Fill reads once from the source and adds what comes to the buffer.
func (r *Reader) Fill() error {
	b := r.take()
	switch {
	case r.r == r.w:
		r.r, r.w = 0, 0
	case r.w == len(b.bytes) && r.r > 0:
		r.w = copy(b.bytes, b.bytes[r.r:r.w])
		r.r = 0
	}
	if r.w == len(b.bytes) {
		b.bytes = append(b.bytes, make([]byte, len(b.bytes))...)
	}
	// A reader may return nothing and no error, but not for ever.
	for range 100 {
		n, err := r.src.Read(b.bytes[r.w:])
		r.w += n
		if n > 0 {
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// Read takes what is buffered, and then reads from the source: of a connection
// that has switched protocols, say. It implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	if r.r < r.w {
		n := copy(p, r.Peek())
		r.r += n
		return n, nil
	}
	r.Release()
	return r.src.Read(p)
}

// read is Read for a body: little by little where p is small, so that the source
// isn't.
func (r *Reader) read(p []byte) (int, error) {
	if r.r == r.w {
		if len(p) >= BufferSize {
			return r.src.Read(p)
		}
		if err := r.Fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.Peek())
	r.r += n
	return n, nil
}

// line takes one line that ends in CRLF, and returns it without that. Without
// wait, it returns nil if not all of it is buffered.
func (r *Reader) line(limit int, tooLong error, wait bool) ([]byte, error) {
	from := 0
	for {
		b := r.Peek()
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			end := from + i
			if end == 0 || b[end-1] != '\r' {
				return nil, errBareLF
			}
			if end+1 > limit {
				return nil, tooLong
			}
			r.r += end + 1
			return b[: end-1 : end-1], nil
		}
		from = len(b)
		if len(b) >= limit {
			return nil, tooLong
		}
		if !wait {
			return nil, nil
		}
		if err := r.Fill(); err != nil {
			return nil, unexpected(err)
		}
	}
}

// unexpected is an end where there may be none.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
