package telemetry

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestAppendCut(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 5, ""},
		{"12345", 5, "12345"},
		{"123456", 5, "12…"},
		{"äöü", 6, "äöü"},
		{"äöüx", 6, "ä…"}, // the half of ö is left out
		{"123456", 3, "…"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80", 7, "\x80…"}, // not UTF-8: at most three bytes are given up
	} {
		if got := string(appendCut(nil, tt.in, tt.limit)); got != tt.want {
			t.Errorf("appendCut(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestLineEscapes(t *testing.T) {
	for _, tt := range []struct{ in, json, text string }{
		{"plain", `"plain"`, `plain`},
		{"", `""`, `""`},
		{"two words", `"two words"`, `"two words"`},
		{"a=b", `"a=b"`, `"a=b"`},
		{`say "hi" \o/`, `"say \"hi\" \\o/"`, `"say \"hi\" \\o/"`},
		{"x\r\nforged=1", `"x\r\nforged=1"`, `"x\r\nforged=1"`},
		{"\x1b[2J\x00\x7f\t", `"\u001b[2J\u0000\u007f\t"`, `"\u001b[2J\u0000\u007f\t"`},
		{"caf\u00e9", `"café"`, `"café"`},
		{"\u009b31m", `"\u009b31m"`, `"\u009b31m"`},             // the 8-bit form of ESC [
		{"\u202egnp.exe", `"\u202egnp.exe"`, `"\u202egnp.exe"`}, // right-to-left override
		{"\u2028", `"\u2028"`, `"\u2028"`},
		{"\U000e0041", `"\udb40\udc41"`, `"\udb40\udc41"`}, // invisible tag character
		{"\xff", `"` + "\ufffd" + `"`, `"` + "\ufffd" + `"`},
	} {
		for format, want := range map[Format]string{FormatJSON: `{"k":` + tt.json + "}\n", FormatText: "k=" + tt.text + "\n"} {
			l := newLine(nil, format)
			l.string("k", []byte(tt.in))
			if got := string(l.end()); got != want {
				t.Errorf("%s: %q became %s, want %s", format, tt.in, got, want)
			}
		}
	}
}

func TestAppendQuotedKeepsItsLimit(t *testing.T) {
	for _, in := range []string{strings.Repeat("a", 500), strings.Repeat(`"`, 500), strings.Repeat("\x00", 500), strings.Repeat("\U000e0041", 500)} {
		for limit := 32; limit < 200; limit++ {
			got := appendQuoted(nil, []byte(in), limit)
			if len(got) > limit {
				t.Fatalf("%q: %d bytes, limit %d", in[:4], len(got), limit)
			}
			var s string
			if err := json.Unmarshal(got, &s); err != nil {
				t.Fatalf("%q, limit %d: %v: %s", in[:4], limit, err, got)
			}
		}
	}
}

// Whatever a client sends, a record is one line, without anything that a
// terminal would obey, and its JSON is what was sent.
func FuzzRecordLine(f *testing.F) {
	f.Add("/a", "curl/8", "GET", 200)
	f.Add("/a\r\ntime=2026 status=200", "\x1b]0;owned\x07", "G\x00T", -1)
	f.Add("/\xff\xfe\u202e", strings.Repeat("\u00e4", 300), `"}`, 99999)
	f.Fuzz(func(t *testing.T, path, agent, method string, status int) {
		p := new(packed)
		p.pack(&Record{Method: method, Path: path, UserAgent: agent, Host: path, RequestID: agent, Status: status})
		for _, format := range []Format{FormatJSON, FormatText} {
			line := string(p.appendLine(nil, format))
			body, ok := strings.CutSuffix(line, "\n")
			if !ok || !utf8.ValidString(body) {
				t.Fatalf("%s: not a line of UTF-8: %q", format, line)
			}
			if i := strings.IndexFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%s: unprintable character at %d: %q", format, i, line)
			}
		}
		var got struct {
			Status                  int
			Method, Path, UserAgent string
		}
		line := p.appendLine(nil, FormatJSON)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		// As JSON decoding sees it: each invalid byte is one replacement character.
		asJSON := func(s string, limit int) string { return string([]rune(string(appendCut(nil, s, limit)))) }
		if want := asJSON(path, 1024); got.Path != want {
			t.Fatalf("path %q came back as %q", want, got.Path)
		}
		if want := asJSON(agent, 256); got.UserAgent != want {
			t.Fatalf("user agent %q came back as %q", want, got.UserAgent)
		}
		if got.Status != status {
			t.Fatalf("status %d came back as %d", status, got.Status)
		}
	})
}
