package packed

import (
	"encoding/binary"
	"slices"
	"testing"
)

func TestReader(t *testing.T) {
	b := AppendTexts(AppendText([]byte{7}, "text"), []string{"a", "", "bc"})
	b = binary.AppendVarint(binary.AppendUvarint(b, 1<<63), -5)
	read := func(b []byte) bool {
		r := Reader{Rest: b}
		one, text, list, n, m := r.Byte(), r.Text(), r.Texts(), r.Uint(), r.Int()
		return r.Whole() && one == 7 && text == "text" && slices.Equal(list, []string{"a", "", "bc"}) && n == 1<<63 && m == -5
	}
	if !read(b) {
		t.Error("what was written isn't read")
	}
	for n := range b {
		if read(b[:n]) {
			t.Errorf("%d of %d bytes are enough", n, len(b))
		}
	}
	if read(append(b, 0)) {
		t.Error("what follows isn't seen")
	}
}

// TestLyingCounts: no memory is taken for what a length promises.
func TestLyingCounts(t *testing.T) {
	lie := binary.AppendUvarint(nil, 1<<62)
	for name, read := range map[string]func(*Reader){
		"text": func(r *Reader) { r.Text() }, "texts": func(r *Reader) { r.Texts() }, "count": func(r *Reader) { r.Count(32) },
	} {
		r := Reader{Rest: lie}
		if allocations := testing.AllocsPerRun(1, func() { r = Reader{Rest: lie}; read(&r) }); allocations > 0 || !r.Bad {
			t.Errorf("%s: %v allocations, bad %v", name, allocations, r.Bad)
		}
		if r.Byte() != 0 || r.Int() != 0 || r.Text() != "" || r.Whole() {
			t.Errorf("%s: it goes on", name)
		}
	}
}
