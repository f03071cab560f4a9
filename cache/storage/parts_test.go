package storage

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestPack(t *testing.T) {
	original := http.Header{"B": {"1", "", "22"}, "A": {"x"}, "C": nil}
	h := Pack(original)
	var lines []string
	for name, v := range h.All() {
		lines = append(lines, name+"="+v)
	}
	if got := strings.Join(lines, " "); got != "A=x B=1 B= B=22" {
		t.Errorf("packed as %q", got)
	}
	if h.Get("A") != "x" || h.Get("Z") != "" || !slices.Equal(h.Values("B"), []string{"1", "", "22"}) {
		t.Error("fields aren't found")
	}
	out := http.Header{}
	h.CopyTo(out)
	out.Add("B", "more") // must not write behind B's values, where C's or others' are
	out.Add("A", "more")
	if len(h.Values("B")) != 3 || h.Get("A") != "x" || h.Values("B")[0] != "1" {
		t.Error("adding to a copy changed the stored header")
	}
	if unsafe.StringData(h.Get("A")) == unsafe.StringData(original.Get("A")) {
		t.Error("packing pins the original's buffer")
	}
	if Pack(nil) != nil || Pack(http.Header{}) != nil {
		t.Error("no fields make a header")
	}
}

func TestBodyRange(t *testing.T) {
	b := NewBody([]byte("abc"), nil, []byte("defg"), []byte{}, []byte("h"))
	all := "abcdefgh"
	if b.Len() != 8 || len(b.Chunks()) != 3 {
		t.Fatalf("%d bytes in %d chunks", b.Len(), len(b.Chunks()))
	}
	for offset := -1; offset <= 9; offset++ {
		for n := -1; n <= 10; n++ {
			var got []byte
			for part := range b.Range(int64(offset), int64(n)) {
				got = append(got, part...)
			}
			from := min(max(offset, 0), 8)
			want := all[from:min(8, from+max(n, 0))]
			if string(got) != want {
				t.Errorf("Range(%d, %d) = %q, want %q", offset, n, got, want)
			}
		}
	}
	var out bytes.Buffer
	if n, err := b.WriteTo(&out); n != 8 || err != nil || out.String() != all {
		t.Errorf("WriteTo: %d, %v, %q", n, err, out.String())
	}
	if n, err := NewBody().WriteTo(&out); n != 0 || err != nil {
		t.Errorf("empty: %d, %v", n, err)
	}
	for range b.Range(0, 8) { // leaving early is fine
		break
	}
}

func TestKeysDiffer(t *testing.T) {
	k := testKey(1)
	seen := map[Key]bool{}
	for _, other := range []Key{k, k.marker(), k.variant(0), k.variant(1), k.variant(1).marker(), testKey(2).variant(0)} {
		if seen[other] {
			t.Errorf("%x twice", other)
		}
		seen[other] = true
	}
}

func TestAllocated(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 8, 8: 8, 9: 16, 33: 48, 1024: 1024, 1025: 1152, 32 << 10: 32 << 10, 32<<10 + 1: 40 << 10} {
		if got := allocated(n); got != want {
			t.Errorf("an object of %d bytes takes %d, want %d", n, got, want)
		}
	}
}

// TestPackInTwoPieces: what a hit reads of a header lies in as few places as can be.
func TestPackInTwoPieces(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	single := http.Header{"A": {"1"}, "B": {"2"}, "C": {""}}
	several := http.Header{"A": {"1"}, "B": {"2", "3"}}
	for _, test := range []struct {
		h    http.Header
		want float64
	}{{single, 2}, {several, 3}} {
		if n := testing.AllocsPerRun(100, func() { Pack(test.h) }); n != test.want {
			t.Errorf("%v is packed in %v pieces, want %v", test.h, n, test.want)
		}
	}
}

// TestBodyInItsEntry: the one chunk of a body is listed in the entry itself, that
// of an update in the update, so that neither holds the other in memory.
func TestBodyInItsEntry(t *testing.T) {
	s, k := newStore(t, Options[policy]{Budget: 1 << 20}), testKey(1)
	put := func(b Body) *Entry[policy] {
		t.Helper()
		if err := s.Put(k, s.Mark(), Labels{URL: "u"}, Entry[policy]{Header: Pack(http.Header{"A": {"1"}}), Body: b}); err != nil {
			t.Fatal(err)
		}
		e, found := s.Get(k, nil)
		if !found {
			t.Fatal("a miss")
		}
		return e
	}
	first := put(NewBody([]byte("body")))
	second := put(first.Body)
	for _, e := range []*Entry[policy]{first, second} {
		if c := e.Body.Chunks(); len(c) != 1 || string(c[0]) != "body" || &c[0] != &e.one[0] || &c[0][0] != &e.block[2] || e.Header.Get("A") != "1" {
			t.Errorf("%q, header %v, block %q", c, e.Header, e.block)
		}
	}
	if two := put(NewBody([]byte("a"), []byte("b"))); len(two.Body.Chunks()) != 2 || two.one[0] != nil {
		t.Errorf("%q", two.Body.Chunks())
	}
}
