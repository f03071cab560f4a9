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
