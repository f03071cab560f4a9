package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestErrorShowsTheLine(t *testing.T) {
	_, err := Parse("levee.yaml", []byte("apiVersion: levee/v1\nroutes:\n- upstream: featurs\n  timeout: 800\nupstreams: [{name: features, endpoints: [\"http://a\"]}]\n"), nil)
	want := `levee.yaml:3:13: there is no upstream "featurs"; did you mean "features"?
  3 | - upstream: featurs
    |             ^
levee.yaml:4:12: "800" has no unit; write 800ms or 800s
  4 |   timeout: 800
    |            ^`
	if message(err) != want {
		t.Errorf("got\n%s\nwant\n%s", message(err), want)
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 100) + "HERE" + strings.Repeat("y", 100)
	for _, test := range []struct {
		name string
		p    Problem
		want string
	}{
		{"no line", Problem{File: "--listen"}, ""},
		{"tabs are kept", Problem{Line: 12, Column: 4, SourceLine: "a:\tb"}, "  12 | a:\tb\n     |   \t^\n"},
		{"characters, not bytes", Problem{Line: 1, Column: 4, SourceLine: "äö b"}, "  1 | äö b\n    |    ^\n"},
		{"beyond the end", Problem{Line: 1, Column: 9, SourceLine: "a"}, "  1 | a\n    |  ^\n"},
		{"control characters", Problem{Line: 1, Column: 1, SourceLine: "a\x1b[31m\u202eb"}, "  1 | a�[31m�b\n    | ^\n"},
		{"long lines are cut", Problem{Line: 1, Column: 101, SourceLine: long}, "  1 | " + long[40:160] + "\n    | " + strings.Repeat(" ", 60) + "^\n"},
	} {
		if got := test.p.Excerpt(); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestErrorUnwraps(t *testing.T) {
	err := error(&Error{Problems: []Problem{{File: "x", Message: "m"}}, cause: fs.ErrPermission})
	if !errors.Is(err, fs.ErrPermission) || err.Error() != "x: m" {
		t.Error(err)
	}
}

// TestLinesAreCountedAlike: the line shown is the one that the parser meant,
// whatever ends lines.
func TestLinesAreCountedAlike(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"} {
		_, err := Parse("x", []byte(strings.Join([]string{"apiVersion: levee/v1", "", "# c", "nope: 1"}, end)), nil)
		p := err.(*Error).Problems
		if last := p[len(p)-1]; last.Line != 4 || last.SourceLine != "nope: 1" {
			t.Errorf("%q: %+v", end, last)
		}
	}
}
