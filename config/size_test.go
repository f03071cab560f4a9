package config

import (
	"math"
	"testing"
)

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		text string
		want Size
		err  string
	}{
		{"0", 0, ""},
		{"512", 512, ""},
		{"512B", 512, ""},
		{"32KiB", 32 << 10, ""},
		{"1MiB", 1 << 20, ""},
		{"2GiB", 2 << 30, ""},
		{"10kB", 10_000, ""},
		{"10KB", 10_000, ""},
		{"10MB", 10_000_000, ""},
		{"1GB", 1_000_000_000, ""},
		{"32K", 0, "has a unit that isn't known; write 32KiB (steps of 1,024) or 32KB (steps of 1,000)"},
		{"32 MiB", 0, "has a unit that isn't known; write 32MiB (steps of 1,024) or 32MB (steps of 1,000)"},
		{"32mb", 0, "has a unit that isn't known; write 32MiB (steps of 1,024) or 32MB (steps of 1,000)"},
		{"-1", 0, "is not a size; write a whole number of bytes, or one with a unit, like 512B, 32KiB or 10MB"},
		{"1.5MiB", 0, "is not a size; write a whole number of bytes, or one with a unit, like 512B, 32KiB or 10MB"},
		{"", 0, "is not a size; write a whole number of bytes, or one with a unit, like 512B, 32KiB or 10MB"},
		{"9223372036854775807B", math.MaxInt64, ""},
		{"9223372036854775808B", 0, "is more bytes than can be counted"},
		{"9007199254740992KiB", 0, "is more bytes than can be counted"},
	} {
		got, err := ParseSize(test.text)
		if got != test.want || message(err) != test.err {
			t.Errorf("ParseSize(%q) = %d, %q; want %d, %q", test.text, got, message(err), test.want, test.err)
		}
	}
}

func TestSizeTextRoundTrip(t *testing.T) {
	for want, s := range map[string]Size{"0B": 0, "1B": 1, "1000B": 1000, "1KiB": 1024, "1025B": 1025, "32KiB": 32 << 10, "1MiB": 1 << 20, "3GiB": 3 << 30} {
		text, err := s.MarshalText()
		if err != nil || string(text) != want {
			t.Errorf("%d is written %s, %v; want %s", s, text, err, want)
		}
		var back Size
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s is read as %d, %v", text, back, err)
		}
	}
	var s Size
	if err := s.UnmarshalText([]byte("x")); err == nil {
		t.Error("x is read as a size")
	}
}
