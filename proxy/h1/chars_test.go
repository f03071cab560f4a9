package h1

import (
	"bytes"
	"testing"
)

// TestText: looked at in words, values of any length are as sound as byte by byte,
// wherever what isn't sound stands.
func TestText(t *testing.T) {
	for n := range 40 {
		b := bytes.Repeat([]byte("x"), n)
		if !isText(b) {
			t.Errorf("%q is no text", b)
		}
		for at := range b {
			for _, c := range []byte{0, '\t', '\n', '\r', 0x1f, ' ', '~', 0x7f, 0x80, 0xff} {
				b[at] = c
				if got, want := isText(b), isTextSlow(b); got != want {
					t.Errorf("%q: %v, want %v", b, got, want)
				}
			}
			b[at] = 'x'
		}
	}
}
