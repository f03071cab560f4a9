package signals

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers by which a request says how much time is left.
const (
	GRPCTimeoutHeader  = "Grpc-Timeout"
	EnvoyTimeoutHeader = "X-Envoy-Expected-Rq-Timeout-Ms"
)

// maxTimeout is the longest time that counts: what a client asks beyond it is no
// deadline worth a timer.
const maxTimeout = 24 * time.Hour

// Timeout returns the shortest time that a request's deadline headers give, named
// among them where it isn't empty, and false when there is none. It is from 0 to 24
// hours. A malformed header counts as absent.
//
// grpc-timeout counts whoever sent it: it is part of a gRPC call itself. The
// others are said by a proxy or a library before us, and are believed only
// from trusted peers.
func Timeout(h http.Header, named string, trusted bool) (time.Duration, bool) {
	best, found := maxTimeout, false
	take := func(d time.Duration, ok bool) {
		if ok && d <= best {
			best, found = d, true
		}
	}
	if v := h[GRPCTimeoutHeader]; len(v) == 1 {
		take(parseGRPCTimeout(v[0]))
	}
	if trusted {
		if v := h[EnvoyTimeoutHeader]; len(v) == 1 {
			take(parseMillis(v[0]))
		}
		if named != "" {
			if v := h[named]; len(v) == 1 {
				take(parseTimeout(v[0]))
			}
		}
	}
	return best, found
}

// parseGRPCTimeout reads grpc-timeout: one to eight digits and a unit
// (gRPC over HTTP/2, "Timeout").
func parseGRPCTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 || !AllDigits(s[:len(s)-1]) {
		return 0, false
	}
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	if err != nil {
		return 0, false
	}
	var unit time.Duration
	switch s[len(s)-1] {
	case 'H':
		unit = time.Hour
	case 'M':
		unit = time.Minute
	case 'S':
		unit = time.Second
	case 'm':
		unit = time.Millisecond
	case 'u':
		unit = time.Microsecond
	case 'n':
		unit = time.Nanosecond
	default:
		return 0, false
	}
	if n > int64(maxTimeout/unit) {
		return maxTimeout, true
	}
	return time.Duration(n) * unit, true
}

// FormatGRPCTimeout writes d in the finest unit that fits into eight digits.
// It rounds down: a deadline may be told too short, never too long.
func FormatGRPCTimeout(d time.Duration) string {
	const most = 99_999_999
	d = max(d, 1)
	for _, u := range [...]struct {
		unit time.Duration
		name string
	}{{1, "n"}, {time.Microsecond, "u"}, {time.Millisecond, "m"}, {time.Second, "S"}, {time.Minute, "M"}} {
		if d/u.unit <= most {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Hour), 10) + "H"
}

// parseMillis reads a whole number of milliseconds.
func parseMillis(s string) (time.Duration, bool) {
	if s == "" || len(s) > 18 || !AllDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false
	}
	if n > int64(maxTimeout/time.Millisecond) {
		return maxTimeout, true
	}
	return time.Duration(n) * time.Millisecond, true
}

// parseTimeout reads a bare number of milliseconds, or a number with a unit.
func parseTimeout(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if AllDigits(s) {
		return parseMillis(s)
	}
	if len(s) > 32 {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, false
	}
	return min(d, maxTimeout), true
}

// AllDigits says whether s is a number without a sign, however large.
func AllDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
