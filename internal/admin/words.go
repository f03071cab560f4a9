package admin

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// count is "1 request" or "2 requests".
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// stamp is a time in words: the clock, and the date in UTC, as logs have it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span is a duration with the two largest units that it has.
func span(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return two(int(d/day), "d", int(d%day/time.Hour), "h")
	case d >= time.Hour:
		return two(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "m")
	case d >= time.Minute:
		return two(int(d/time.Minute), "m", int(d%time.Minute/time.Second), "s")
	default:
		return fmt.Sprintf("%ds", int(d/time.Second))
	}
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unitA)
	}
	return fmt.Sprintf("%d%s %d%s", a, unitA, b, unitB)
}

// since is "3m 20s, since 2026-02-26 05:00:12 UTC".
func since(now, t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return span(now.Sub(t)) + ", since " + stamp(t)
}

// latency is a time in seconds as people read it.
func latency(seconds float64) string {
	switch {
	case seconds <= 0:
		return "-"
	case seconds < 0.001:
		return fmt.Sprintf("%.0f µs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	default:
		return fmt.Sprintf("%.2f s", seconds)
	}
}

// short is a hash as people compare it.
func short(hash string) string { return hash[:min(len(hash), 12)] }

// printable replaces what a terminal may obey: an error's text can hold what
// an upstream sent. Ends of lines are kept if asked for.
func printable(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || lines && r == '\n' {
			return r
		}
		if r == '\t' || r == '\n' {
			return ' '
		}
		return unicode.ReplacementChar
	}, s)
}
