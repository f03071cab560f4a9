package admin

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"},
		{0, "0s"},
		{59*time.Second + 999*time.Millisecond, "59s"},
		{time.Minute, "1m"},
		{200 * time.Second, "3m 20s"},
		{3 * time.Hour, "3h"},
		{3*time.Hour + 59*time.Minute + 59*time.Second, "3h 59m"},
		{24 * time.Hour, "1d"},
		{1000 * time.Hour, "41d 16h"},
	} {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestLatency(t *testing.T) {
	for seconds, want := range map[float64]string{0: "-", 0.000123: "123 µs", 0.0123: "12.3 ms", 1.5: "1.50 s"} {
		if got := latency(seconds); got != want {
			t.Errorf("latency(%v) = %q, want %q", seconds, got, want)
		}
	}
}

func TestStampAndSinceWithoutATime(t *testing.T) {
	if got := stamp(time.Time{}); got != "never" {
		t.Errorf("stamp of nothing = %q", got)
	}
	if got := since(time.Now(), time.Time{}); got != "unknown" {
		t.Errorf("since nothing = %q", got)
	}
}

func TestPrintable(t *testing.T) {
	const in = "caf\u00e9\x1b[2J\r\n\tx\u202e"
	if got, want := printable(in, true), "caf\u00e9\ufffd[2J\ufffd\n x\ufffd"; got != want {
		t.Errorf("printable(lines) = %q, want %q", got, want)
	}
	if got, want := printable(in, false), "caf\u00e9\ufffd[2J\ufffd  x\ufffd"; got != want {
		t.Errorf("printable = %q, want %q", got, want)
	}
}
