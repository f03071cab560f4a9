package telemetry

import "unicode/utf8"

// cutMark ends a text that was cut to its cap.
const cutMark = "…"

// text is a piece of a ring's slot that holds a copy of some text.
//
// A copy, because a substring would keep all of what it is a part of: a path
// of two bytes may be the beginning of a 32 KiB request line, and a ring full
// of those would hold hundreds of megabytes while its writer hangs. A buffer
// that belongs to the slot, because a copy on the heap for each line would be
// garbage for each line. A text longer than the buffer gets one of its own,
// until it is written.
type text struct {
	home []byte // the slot's own buffer
	buf  []byte
}

// prepareText gives every slot its buffer of n bytes, all from one piece that
// takes no memory until it is used.
func prepareText(slots, n int) func() text {
	all := make([]byte, slots*n)
	return func() text {
		home := all[:0:n]
		all = all[n:]
		return text{home: home, buf: home}
	}
}

// reserve empties the text and makes room for n bytes.
func (t *text) reserve(n int) {
	if n > cap(t.buf) {
		t.buf = make([]byte, 0, n)
	}
	t.buf = t.buf[:0]
}

// release forgets a buffer that was made for one long text.
func (t *text) release() { t.buf = t.home }

// appendCut appends s, or as much of it as fits into limit bytes together with
// the mark that it was cut. It cuts between characters.
func appendCut[S string | []byte](dst []byte, s S, limit int) []byte {
	if len(s) <= limit {
		return append(dst, s...)
	}
	n := max(limit-len(cutMark), 0)
	for i := 0; i < utf8.UTFMax-1 && n > 0 && !utf8.RuneStart(s[n]); i++ {
		n--
	}
	dst = append(dst, s[:n]...)
	return append(dst, cutMark...)
}
