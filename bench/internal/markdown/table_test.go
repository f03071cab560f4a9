package markdown

import (
	"strings"
	"testing"
)

// TestTable: columns are as wide as their widest cell, in characters.
func TestTable(t *testing.T) {
	var b strings.Builder
	Table(&b, [][]string{{"", "CPU"}, {"levee", "3.5 µs"}, {"é", "–"}})
	const want = "" +
		"|       | CPU    |\n" +
		"|-------|--------|\n" +
		"| levee | 3.5 µs |\n" +
		"| é     | –      |\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if Table(&b, nil); b.Len() > 0 {
		t.Errorf("of no rows: %q", b.String())
	}
}
