package telemetry

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoggerLevelsAndFormats(t *testing.T) {
	for _, tt := range []struct {
		format Format
		want   string
	}{
		{FormatJSON, `"level":"INFO","msg":"hello","n":1}`},
		{FormatText, `level=INFO msg=hello n=1`},
	} {
		var out buffer
		level := new(slog.LevelVar)
		l := NewLogger(&out, tt.format, level)
		l.Debug("not shown")
		l.Info("hello", "n", 1)
		level.Set(slog.LevelDebug)
		l.Debug("shown now")
		if err := l.Close(time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, tt.want) || !strings.Contains(got, "shown now") || strings.Contains(got, "not shown") {
			t.Errorf("%s: %s", tt.format, got)
		}
	}
}

// A line over 16 KiB is cut, and what is left of a JSON line is still JSON.
func TestLoggerCutsLongLines(t *testing.T) {
	for _, format := range []Format{FormatJSON, FormatText} {
		for _, filler := range []string{"x", `"`, "\u202e", "\n"} {
			var out buffer
			l := NewLogger(&out, format, nil)
			l.Error("panic", "stack", strings.Repeat(filler, 64<<10))
			if err := l.Close(time.Minute); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if len(got) > maxLine || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
				t.Errorf("%s %q: %d bytes, %d lines", format, filler, len(got), strings.Count(got, "\n"))
			}
			if !strings.Contains(got, "…") || !strings.Contains(got, "panic") {
				t.Errorf("%s %q: no mark or no message: %.200s", format, filler, got)
			}
			if format == FormatJSON && !json.Valid([]byte(got)) {
				t.Errorf("%q: not JSON: %.200s", filler, got)
			}
		}
	}
}

// With a standard error that nobody reads, whoever logs goes on.
func TestLoggerWithHungWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung()
		l := NewLogger(h, FormatJSON, nil)
		l.Info("first")
		<-h.entered
		for i := range 3 * logRing {
			l.Info("more", "i", i)
		}
		if st := l.Stats(); st.Dropped != 2*logRing || st.Queued != logRing {
			t.Errorf("Stats = %+v", st)
		}
		if err := l.Close(time.Second); err == nil {
			t.Error("Close: no error though the writer hangs")
		}
		close(h.release)
	})
}

// net/http's lines become warnings of a known source, escaped; what is over
// the rate is counted and told in the next line that passes.
func TestBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		l := NewLogger(&out, FormatText, nil)
		b := l.Bridge("listener", 2)
		for i := range 10 {
			b.Printf("http: TLS handshake error %d\r\nforged", i)
		}
		time.Sleep(time.Second)
		b.Print("later")
		if err := l.Close(time.Minute); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines, want 3: %q", len(lines), lines)
		}
		for i := range 2 {
			if want := fmt.Sprintf(`level=WARN msg="http: TLS handshake error %d\r\nforged" source=listener`, i); !strings.HasSuffix(lines[i], want) {
				t.Errorf("line %d: %s, want %s", i, lines[i], want)
			}
		}
		if want := `level=WARN msg=later source=listener suppressed=8`; !strings.HasSuffix(lines[2], want) {
			t.Errorf("line 2: %s, want %s", lines[2], want)
		}
		if got := l.Stats().Suppressed; got != 8 {
			t.Errorf("Suppressed = %d, want 8", got)
		}
	})
}

func BenchmarkLogger(b *testing.B) {
	h := newHung()
	l := NewLogger(h, FormatJSON, nil)
	defer l.Close(time.Minute)
	defer close(h.release)
	b.ReportAllocs()
	for b.Loop() {
		l.Info("an upstream failed", "upstream", "features", "endpoint", "10.0.0.7:8080")
	}
}
