package storage

import (
	"io"
	"iter"
)

// Body is a response's content in chunks, as it was received. It is shared and
// must not be changed. The zero value is empty.
type Body struct {
	chunks [][]byte
	size   int64
}

// NewBody makes a body of chunks, which it takes over. Empty ones are left out.
func NewBody(chunks ...[]byte) Body {
	var b Body
	kept := chunks[:0]
	for _, c := range chunks {
		if len(c) > 0 {
			kept = append(kept, c)
			b.size += int64(len(c))
		}
	}
	clear(chunks[len(kept):])
	if len(kept) > 0 {
		b.chunks = kept
	}
	return b
}

// Len is the number of bytes.
func (b Body) Len() int64 { return b.size }

// Chunks are the bytes from the first on. They are shared.
func (b Body) Chunks() [][]byte { return b.chunks }

// Range lists up to n bytes from offset on, chunk by chunk, without copying: a
// range request's answer. What lies outside of the body is left out.
func (b Body) Range(offset, n int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		offset, n := max(offset, 0), n
		for _, c := range b.chunks {
			if n <= 0 {
				return
			}
			size := int64(len(c))
			if offset >= size {
				offset -= size
				continue
			}
			part := c[offset:min(size, offset+min(n, size))]
			offset, n = 0, n-int64(len(part))
			if !yield(part) {
				return
			}
		}
	}
}

// WriteTo writes all of it to w, without an intermediate buffer.
func (b Body) WriteTo(w io.Writer) (written int64, err error) {
	for _, c := range b.chunks {
		n, err := w.Write(c)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
