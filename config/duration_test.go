package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const ms, s, m, h = time.Millisecond, time.Second, time.Minute, time.Hour
	for _, test := range []struct {
		text string
		want time.Duration
		err  string
	}{
		{"0", 0, ""},
		{"0s", 0, ""},
		{"800ms", 800 * ms, ""},
		{"1.5s", 1500 * ms, ""},
		{"2m", 2 * m, ""},
		{"24h", 24 * h, ""},
		{"1h30m", 90 * m, ""},
		{"5µs", 5 * time.Microsecond, ""},
		{"800", 0, "has no unit; write 800ms or 800s"},
		{"1.5", 0, "has no unit; write 1.5ms or 1.5s"},
		{"1d", 0, "has the unit d, and a day isn't always as long; write 24h"},
		{"-5s", 0, "is negative; a duration is 0 or more, like 800ms or 1.5s"},
		{"", 0, "is not a duration; write a number and a unit (ms, s, m or h), like 800ms, 1.5s or 1h30m"},
		{".5s", 0, "is not a duration; write a number and a unit (ms, s, m or h), like 800ms, 1.5s or 1h30m"},
		{"5 s", 0, "is not a duration; write a number and a unit (ms, s, m or h), like 800ms, 1.5s or 1h30m"},
		{"9999999h", 0, "is longer than any duration that can be kept (about 292 years)"},
	} {
		got, err := ParseDuration(test.text)
		if got.D() != test.want || message(err) != test.err {
			t.Errorf("ParseDuration(%q) = %s, %q; want %s, %q", test.text, got, message(err), test.want, test.err)
		}
	}
}

func TestDurationString(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "800ms": 800 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "1m": time.Minute, "10m": 10 * time.Minute,
		"1m30s": 90 * time.Second, "24h": 24 * time.Hour, "1h30m": 90 * time.Minute, "1h0m5s": time.Hour + 5*time.Second, "10s": 10 * time.Second, "20h": 20 * time.Hour,
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestDurationTextRoundTrip(t *testing.T) {
	for _, d := range []Duration{0, 1, 1500, Duration(time.Millisecond), Duration(time.Hour + 1), math.MaxInt64} {
		text, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Duration
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Errorf("%d is written %s and read as %d, %v", d, text, back, err)
		}
	}
	var d Duration
	if err := d.UnmarshalText([]byte("800")); message(err) != `config: "800" has no unit; write 800ms or 800s` {
		t.Error(err)
	}
}

// message returns an error's text, empty for nil.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
