package clients

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables in docs/retry-signals.md anew")

// page is the document that has the tables.
const page = root + "/docs/retry-signals.md"

// table is one in rows of cells, the header first.
type table [][]string

// String returns it as Markdown.
func (t table) String() string {
	var b strings.Builder
	for i, row := range t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}

// checkTable wants the page to have a table, between comments with its name, as
// it was just measured; with -update it sees to that.
func checkTable(t *testing.T, name string, measured table) {
	t.Helper()
	t.Logf("%s\n%s", name, measured)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	opening, closing := fmt.Appendf(nil, "<!-- measured: %s -->\n", name), []byte("<!-- end -->\n")
	before, rest, found := bytes.Cut(text, opening)
	written, after, ended := bytes.Cut(rest, closing)
	if !found || !ended {
		t.Fatalf("%s has no place for the table %q", page, name)
	}
	if bytes.Equal(written, []byte(measured.String())) {
		return
	}
	if !*update {
		t.Errorf("%s says otherwise; -update writes what was measured:\n%s", page, written)
		return
	}
	whole := bytes.Join([][]byte{before, opening, []byte(measured.String()), closing, after}, nil)
	if err := os.WriteFile(page, whole, 0o644); err != nil {
		t.Fatal(err)
	}
}
