package signals

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache"
)

// Advice is what an answer says about trying again.
type Advice struct {
	// Stop: not at all.
	Stop bool
	// Elsewhere: not at the same endpoint. It is another Levee's refusal, which
	// spares its service: the same endpoint would refuse again, at a cost.
	Elsewhere bool
	// Asked: the answer asks for a further attempt, whatever the method.
	Asked bool
	// After is how long to wait first, where Waits says that it is given.
	After time.Duration
	Waits bool
	// Exactly: no longer, either.
	Exactly bool
}

// AdviceOf reads an answer's header at now.
func AdviceOf(h http.Header, grpc bool, now time.Time) Advice {
	var a Advice
	if v := h[RetryAfterHeader]; len(v) == 1 {
		a.After, a.Waits = parseRetryAfter(v[0], h[dateHeader], now)
	}
	if v := h[PushbackHeader]; grpc && len(v) > 0 {
		// What can't be read means stop, as a negative number does (gRFC A6).
		after, ok := parsePushback(v)
		a.Stop, a.After, a.Waits, a.Exactly, a.Asked = !ok, after, ok, ok, ok
	}
	if v := h[ShouldRetryHeader]; h[RateLimitedHeader] != nil || h[finagleStopHeader] != nil || len(v) == 1 && v[0] == "false" {
		a.Stop = true
	}
	a.Elsewhere = h[ShedHeader] != nil
	for _, v := range h[proxyStatusHeader] {
		switch proxyError(v) {
		case ErrorLoop:
			a.Stop = true // it would go round again
		case ErrorConnectionLimit, ErrorDenied:
			a.Elsewhere = true
		}
	}
	return a
}

// parseRetryAfter reads Retry-After (RFC 9110, section 10.2.3): seconds, or a
// date, which is taken relative to the answer's own Date, so that clocks which
// disagree do no harm. What can't be read counts as absent.
func parseRetryAfter(s string, date []string, now time.Time) (time.Duration, bool) {
	if AllDigits(s) {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n > uint64(maxTimeout/time.Second) {
			return maxTimeout, true // too many digits are a long time, too
		}
		return time.Duration(n) * time.Second, true
	}
	at, ok := cache.ParseDate(s, now)
	if !ok {
		return 0, false
	}
	if len(date) == 1 {
		if sent, ok := cache.ParseDate(date[0], now); ok {
			now = sent
		}
	}
	return min(max(at.Sub(now), 0), maxTimeout), true
}

// parsePushback reads grpc-retry-pushback-ms. False: stop.
func parsePushback(values []string) (time.Duration, bool) {
	if len(values) != 1 {
		return 0, false
	}
	return parseMillis(values[0])
}

// proxyError is the error parameter of the last member of a Proxy-Status field:
// that of the proxy next to us (RFC 9209, section 2). It is empty if there is
// none.
func proxyError(field string) string {
	member := field
	for i := unquoted(member, ','); i < len(member); i = unquoted(member, ',') {
		member = member[i+1:]
	}
	for member != "" {
		i := unquoted(member, ';')
		parameter := member[:i]
		member = strings.TrimPrefix(member[i:], ";")
		if name, value, ok := strings.Cut(strings.TrimSpace(parameter), "="); ok && name == "error" {
			return value
		}
	}
	return ""
}

// unquoted finds the first c outside a structured field's strings (RFC 9651,
// section 3.3.3), or the end.
func unquoted(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return len(s)
}
