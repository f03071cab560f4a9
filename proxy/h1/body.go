package h1

import (
	"io"
	"net/http"
)

// Body reads a message's body from its connection, and nothing behind it. Who
// calls it sees to deadlines: a Read waits for at least a byte of content, and
// what frames it is read for as long as that takes. It isn't safe for concurrent
// use. The zero value is an empty body.
//
// The end of the body comes with its last bytes where it is known by then, as
// (n, io.EOF). A connection that ends too early gives io.ErrUnexpectedEOF, bad
// chunks an [*Error]. Any error comes again at the next call.
type Body struct {
	// Trailer has the fields behind the last chunk, once Read has returned io.EOF;
	// nil: there were none.
	Trailer http.Header

	r          *Reader
	limits     *Limits
	kind       Kind
	part       part  // of a chunk
	left       int64 // of the length, or of the chunk
	extensions int
	err        error
}

// part is what comes next in a chunked body.
type part uint8

const (
	partLine part = iota
	partData
	partEnd // CRLF
	partTrailer
)

// Reset makes it the body that comes next from r. limits hold for the trailers;
// they are kept, not copied.
func (b *Body) Reset(r *Reader, f Framing, limits *Limits) {
	*b = Body{r: r, limits: limits, kind: f.Kind, left: f.Length}
	if f.Empty() {
		b.kind, b.err = None, io.EOF
	}
}

// Ended says whether all of the body was read, trailers too. Only then does
// another message follow.
func (b *Body) Ended() bool { return b.err == io.EOF || b.r == nil }

// Err is the error that ended the body, if it isn't io.EOF.
func (b *Body) Err() error {
	if b.err == io.EOF {
		return nil
	}
	return b.err
}

// Ready is how many bytes Read gives without waiting, as far as that is known
// without reading on: of a body in chunks, it says 0.
func (b *Body) Ready() int {
	if b.r == nil || b.kind != Length {
		return 0
	}
	return int(min(b.left, int64(b.r.Buffered())))
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (n int, err error) {
	switch {
	case b.r == nil:
		return 0, io.EOF
	case b.err != nil:
		return 0, b.err
	case len(p) == 0:
		return 0, nil
	}
	switch b.kind {
	case Length:
		n, err = b.data(p)
		if err == nil && b.left == 0 {
			err = io.EOF
		}
	case Chunked:
		n, err = b.chunks(p)
	case ToClose:
		n, err = b.r.read(p)
	}
	b.err = err
	return n, err
}

// data reads what is left of the length, or of the chunk.
func (b *Body) data(p []byte) (int, error) {
	n, err := b.r.read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if n > 0 && b.left == 0 {
		err = nil // the connection may have ended too; there is nothing to miss
	}
	return n, unexpected(err)
}

// chunks fills p as far as it can without waiting, once there is anything in it.
func (b *Body) chunks(p []byte) (n int, err error) {
	for {
		switch b.part {
		case partLine:
			line, err := b.r.line(maxChunkLine, errChunk, n == 0)
			if line == nil || err != nil {
				return n, err
			}
			var extensions int
			if b.left, extensions, err = parseChunkLine(line); err != nil {
				return n, err
			}
			if b.extensions += extensions; b.extensions > maxExtensions {
				return n, ErrExtensionTooLong
			}
			b.part = partData
			if b.left == 0 {
				b.part = partTrailer
			}
		case partData:
			if n == len(p) || n > 0 && b.r.Buffered() == 0 {
				return n, nil
			}
			m, err := b.data(p[n:])
			n += m
			if err != nil {
				return n, err
			}
			if b.left > 0 {
				return n, nil
			}
			b.part = partEnd
		case partEnd:
			ended, err := b.chunkEnd(n == 0)
			if !ended || err != nil {
				return n, err
			}
			b.part = partLine
		case partTrailer:
			ended, err := b.trailer(n == 0)
			if !ended || err != nil {
				return n, err
			}
			return n, io.EOF
		}
	}
}

// chunkEnd takes the CRLF behind a chunk. False: it isn't buffered.
func (b *Body) chunkEnd(wait bool) (bool, error) {
	for {
		have := b.r.Peek()
		if len(have) > 0 && have[0] != '\r' || len(have) > 1 && have[1] != '\n' {
			return false, errChunk
		}
		if len(have) > 1 {
			b.r.r += 2
			return true, nil
		}
		if !wait {
			return false, nil
		}
		if err := b.r.Fill(); err != nil {
			return false, unexpected(err)
		}
	}
}

// trailer reads the trailer section. False: not all of it is buffered.
func (b *Body) trailer(wait bool) (bool, error) {
	section, err := b.r.section(nil, b.limits, wait)
	if section == nil || err != nil {
		return false, unexpected(err)
	}
	if len(section) == len("\r\n") {
		return true, nil
	}
	spans := b.r.buf.spans
	text := string(section)
	var s store
	s.begin(len(spans))
	for _, f := range spans {
		name := text[f.name:f.nameEnd]
		if !mayTrail(name) {
			return false, errTrailer
		}
		s.add(name, text[f.value:f.valueEnd])
	}
	b.Trailer = s.header
	return true, nil
}
