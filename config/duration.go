package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time. In YAML it is text with a unit (800ms, 1.5s,
// 2m, 24h, 1h30m) or a plain 0; never negative. A number without a unit is
// refused: whether it meant seconds or milliseconds can't be guessed, and a
// timeout that is wrong by a factor of 1,000 does harm quietly.
type Duration time.Duration

// durationPattern is what the schema shows to editors and what ParseDuration
// accepts, so that the two can't disagree.
const durationPattern = `^(?:0|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+)$`

var (
	durationRegexp = regexp.MustCompile(durationPattern)

	errDurationTooLong = errors.New("is longer than any duration that can be kept (about 292 years)")
)

// ParseDuration reads a duration as it is written in the configuration. Its
// error is a phrase that says what is wrong with s and what would be right.
func ParseDuration(s string) (Duration, error) {
	if !durationRegexp.MatchString(s) {
		return 0, explainDuration(s)
	}
	// What the pattern lets through fails only by being too long.
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, errDurationTooLong
	}
	return Duration(d), nil
}

func explainDuration(s string) error {
	if positive, negative := strings.CutPrefix(s, "-"); negative && durationRegexp.MatchString(positive) {
		return errors.New("is negative; a duration is 0 or more, like 800ms or 1.5s")
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		s = strings.TrimLeft(s, "+-")
		return fmt.Errorf("has no unit; write %sms or %ss", s, s)
	}
	if number, isDays := strings.CutSuffix(s, "d"); isDays {
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n <= 100_000 {
			return fmt.Errorf("has the unit d, and a day isn't always as long; write %dh", 24*n)
		}
	}
	return errors.New("is not a duration; write a number and a unit (ms, s, m or h), like 800ms, 1.5s or 1h30m")
}

// D returns d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String returns d as the configuration would have it, without parts that are
// zero: 1m and not 1m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler with String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("config: %q %w", text, err)
	}
	*d = parsed
	return nil
}
