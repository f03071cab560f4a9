package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes. In YAML it is a whole number of bytes, or text
// with a unit: 512B, 32KiB, 1MiB, 1GiB count in steps of 1,024, 10kB (or KB),
// 10MB, 1GB in steps of 1,000.
type Size int64

const sizePattern = `^[0-9]+(?:B|kB|KB|MB|GB|KiB|MiB|GiB)?$`

var (
	sizeRegexp = regexp.MustCompile(sizePattern)

	sizeUnits = map[string]int64{
		"": 1, "B": 1,
		"kB": 1000, "KB": 1000, "MB": 1000 * 1000, "GB": 1000 * 1000 * 1000,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
	}

	errSizeTooBig = errors.New("is more bytes than can be counted")
)

// ParseSize reads a size as it is written in the configuration. Its error is a
// phrase that says what is wrong with s and what would be right.
func ParseSize(s string) (Size, error) {
	if !sizeRegexp.MatchString(s) {
		return 0, explainSize(s)
	}
	digits := strings.TrimRight(s, "kKMGiB")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit := sizeUnits[s[len(digits):]]
	if err != nil || n > math.MaxInt64/unit {
		return 0, errSizeTooBig
	}
	return Size(n * unit), nil
}

func explainSize(s string) error {
	digits := strings.TrimRight(s, "kKmMgGiIbB ")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		switch unit := strings.ToUpper(strings.Trim(s[len(digits):], " iIbB")); unit {
		case "K", "M", "G":
			return fmt.Errorf("has a unit that isn't known; write %s%siB (steps of 1,024) or %s%sB (steps of 1,000)", digits, unit, digits, unit)
		}
	}
	return errors.New("is not a size; write a whole number of bytes, or one with a unit, like 512B, 32KiB or 10MB")
}

// String returns s as the configuration would have it, in the largest unit of
// 1,024 that leaves a whole number.
func (s Size) String() string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if factor := sizeUnits[unit]; s != 0 && int64(s)%factor == 0 {
			return strconv.FormatInt(int64(s)/factor, 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText implements encoding.TextMarshaler with String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseSize.
func (s *Size) UnmarshalText(text []byte) error {
	parsed, err := ParseSize(string(text))
	if err != nil {
		return fmt.Errorf("config: %q %w", text, err)
	}
	*s = parsed
	return nil
}
