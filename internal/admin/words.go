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

// count2 is count for things whose plural isn't formed with an s.
func count2(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// number is a limit as people read it: only whole requests are admitted.
func number(limit float64) string { return fmt.Sprintf("%d", int64(limit+1e-9)) }

// rate is so many over a time in seconds: "212/s", "0.3/s".
func rate(n uint64, over float64) string {
	r := float64(n) / max(over, 1)
	if r < 9.95 {
		return fmt.Sprintf("%.1f/s", r)
	}
	return fmt.Sprintf("%.0f/s", r)
}

// requestRate is rate of requests, or their number where there are few.
func requestRate(n uint64, over float64) string {
	if float64(n) < over {
		return fmt.Sprintf("%s in %.0f s", count(int64(n), "request"), over)
	}
	return strings.Replace(rate(n, over), "/s", " requests/s", 1)
}

// percent is a share; what is not nothing never looks like it.
func percent(n, of uint64) string {
	if of == 0 {
		return "0%"
	}
	p := 100 * float64(n) / float64(of)
	switch {
	case p > 0 && p < 0.1:
		return "under 0.1%"
	case p < 9.95:
		return fmt.Sprintf("%.1f%%", p)
	case p < 100 && p > 99:
		return "over 99%"
	}
	return fmt.Sprintf("%.0f%%", p)
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
