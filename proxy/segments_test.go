package proxy

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// TestSegmentsAgainstMap: segments of all lengths are found, as in a map, and no others.
func TestSegmentsAgainstMap(t *testing.T) {
	var s segments
	want := map[string]*route{}
	look := func(text string) {
		t.Helper()
		var got *route
		if node := s.find(text); node != nil {
			got = node.route
		}
		if got != want[text] {
			t.Fatalf("%d there: %q leads to %p, want %p", len(want), text, got, want[text])
		}
	}
	look("nothing")
	for n := range 2000 {
		text := fmt.Sprint(n, strings.Repeat("x", n%(2*segmentRoom)))
		look(text)
		want[text] = &route{}
		s.add(text).route = want[text]
		look(text)
		look(text + "x")
		look(text[1:])
	}
	for text := range want {
		look(text)
	}
	if len(s.long) == 0 || s.taken+len(s.long) != len(want) || 4*s.taken > 3*len(s.entries) {
		t.Errorf("of %d segments %d are long; %d stand in %d entries", len(want), len(s.long), s.taken, len(s.entries))
	}
}

// TestSegmentIsACacheLine, so that none lies in two.
func TestSegmentIsACacheLine(t *testing.T) {
	if size := unsafe.Sizeof(segment{}); size != 64 {
		t.Errorf("%d bytes", size)
	}
}
