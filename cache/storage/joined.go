package storage

import "unsafe"

// Entries are stored in two pieces of memory: one for the entry with its header's
// fields, one for all text and, unless it is long, the body behind it. So a hit
// finds what it needs in few places, and waits for memory few times.

// joinedMost is the longest body, in bytes, that is copied behind its header's
// text. Of a longer one the wait for its first bytes is little beside the rest.
const joinedMost = 16 << 10

// lead is what the second piece begins with.
type lead [256]byte

const line = 64 // bytes of the processor's cache that come at once

// fetch has the processor load a lead, and doesn't wait for it. The result must be used
// and is 0 at least.
func (l *lead) fetch() (sum int) {
	if l == nil {
		return 0
	}
	return int(l[0]) + int(l[line]) + int(l[2*line]) + int(l[3*line])
}

// fetchMost is how much of a piece is loaded at once; the processor then knows
// what comes next.
const fetchMost = 2 << 10

// fetch is the same for the rest of what a hit needs.
func (e *Entry[P]) fetch() (sum int) {
	if len(e.Header) > 0 {
		sum = len(e.Header[len(e.Header)-1].Values)
	}
	if len(e.Body.chunks) == 0 {
		return sum
	}
	body := e.Body.chunks[0]
	for i := 0; i < min(len(body), fetchMost); i += line {
		sum += int(body[i])
	}
	return sum
}

// lead is what the entry's answer begins with; nil where that is too short to be
// worth it.
func (e *Entry[P]) lead() *lead {
	if len(e.block) >= len(lead{}) {
		return (*lead)(e.block)
	}
	if c := e.Body.chunks; len(c) > 0 && len(c[0]) >= len(lead{}) {
		return (*lead)(c[0])
	}
	return nil
}

// join is a copy of e in two pieces.
func join[P any](e *Entry[P]) *Entry[P] {
	j, fields := entryWith[P](len(e.Header))
	*j = *e
	size, values := e.Header.size()
	joined := e.Body.joins()
	if joined {
		size += int(e.Body.size)
	}
	b := make(block, 0, size)
	j.Header = e.Header.copyTo(fields, &b, make([]string, 0, values))
	switch c := e.Body.chunks; {
	case joined:
		text := len(b)
		b = append(b, c[0]...)
		j.one[0] = b[text:len(b):len(b)]
		j.Body.chunks = j.one[:]
	case len(c) == 1:
		j.one[0] = c[0]
		j.Body.chunks = j.one[:]
	}
	j.block = b
	return j
}

func (b *Body) joins() bool { return len(b.chunks) == 1 && b.size <= joinedMost }

// block is bytes that are written once, with room for all, and then are read as
// texts too.
type block []byte

// add appends s, and returns it from there: the block is never changed or moved
// after this, which is what strings need.
func (b *block) add(s string) string {
	if s == "" {
		return ""
	}
	at := len(*b)
	*b = append(*b, s...)
	return unsafe.String(&(*b)[at], len(s))
}

// Entries with room for some fields. The runtime's allocator has sizes for these
// that leave little over.
type (
	entryWith4[P any] struct {
		Entry[P]
		fields [4]Field
	}
	entryWith6[P any] struct {
		Entry[P]
		fields [6]Field
	}
	entryWith8[P any] struct {
		Entry[P]
		fields [8]Field
	}
	entryWith12[P any] struct {
		Entry[P]
		fields [12]Field
	}
	entryWith16[P any] struct {
		Entry[P]
		fields [16]Field
	}
)

// entryWith is an entry with room for n fields, beside it where there are many.
func entryWith[P any](n int) (*Entry[P], []Field) {
	switch {
	case n == 0:
		return new(Entry[P]), nil
	case n <= 4:
		e := new(entryWith4[P])
		return &e.Entry, e.fields[:n]
	case n <= 6:
		e := new(entryWith6[P])
		return &e.Entry, e.fields[:n]
	case n <= 8:
		e := new(entryWith8[P])
		return &e.Entry, e.fields[:n]
	case n <= 12:
		e := new(entryWith12[P])
		return &e.Entry, e.fields[:n]
	case n <= 16:
		e := new(entryWith16[P])
		return &e.Entry, e.fields[:n]
	}
	return new(Entry[P]), make([]Field, n)
}

// fieldRooms are how many fields the types above have room for.
var fieldRooms = [...]int{0, 4, 6, 8, 12, 16}

// sizeWith is what entryWith takes from the heap.
func sizeWith[P any](n int) int {
	entry, field := int(unsafe.Sizeof(Entry[P]{})), int(unsafe.Sizeof(Field{}))
	for _, room := range fieldRooms {
		if n <= room {
			return scanned(entry + room*field)
		}
	}
	return scanned(entry) + scanned(n*field)
}
