package signals

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		value, date string
		want        time.Duration
		ok          bool
	}{
		{"0", "", 0, true},
		{"120", "", 2 * time.Minute, true},
		{"99999999999999999999999", "", maxTimeout, true},
		{"Thu, 26 Feb 2026 05:00:30 GMT", "", 30 * time.Second, true},
		{"Thu, 26 Feb 2026 04:00:00 GMT", "", 0, true},
		{"Thu, 26 Feb 2026 07:00:30 GMT", "Thu, 26 Feb 2026 07:00:00 GMT", 30 * time.Second, true}, // its clock is two hours ahead
		{"Thu, 26 Feb 2026 05:00:30 GMT", "today", 30 * time.Second, true},
		{"Thursday, 26-Feb-26 05:00:30 GMT", "", 30 * time.Second, true},
		{"Thu Feb 26 05:00:30 2026", "", 30 * time.Second, true},
		{"Thu, 26 Feb 9999 05:00:30 GMT", "", maxTimeout, true},
		{"Thu, 26 Feb 2026 05:00:30 CET", "", 0, false}, // no zone but GMT
		{"", "", 0, false},
		{"-1", "", 0, false},
		{"1.5", "", 0, false},
		{" 1", "", 0, false},
		{"soon", "", 0, false},
	} {
		var date []string
		if test.date != "" {
			date = []string{test.date}
		}
		if got, ok := parseRetryAfter(test.value, date, now); got != test.want || ok != test.ok {
			t.Errorf("%q: %v, %v; want %v, %v", test.value, got, ok, test.want, test.ok)
		}
	}
}

func TestProxyError(t *testing.T) {
	for field, want := range map[string]string{
		"":                                "",
		"levee":                           "",
		"levee; error=connection_refused": "connection_refused",
		`levee;details="a; error=x, y";error=http_request_denied`:         "http_request_denied",
		`levee; details="say \"no; error=a\""; error=dns_error`:           "dns_error",
		"inner; error=dns_error, outer":                                   "",
		"inner; error=dns_error, outer; error=connection_limit_reached":   "connection_limit_reached",
		`inner; details="a, b; error=c", outer; x=y; error=proxy_loop_de`: "proxy_loop_de",
		`levee; details="unended; error=a`:                                "",
		`levee; details="\`:                                               "",
	} {
		if got := proxyError(field); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

func TestAdvice(t *testing.T) {
	now := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, header string
		grpc         bool
		want         Advice
	}{
		{"nothing", "", false, Advice{}},
		{"a time", "Retry-After: 3", false, Advice{After: 3 * time.Second, Waits: true}},
		{"Envoy's rate limit", "X-Envoy-Ratelimited: true", false, Advice{Stop: true}},
		{"Finagle's nack", "Finagle-Http-Nonretryable-Nack: true", false, Advice{Stop: true}},
		{"a plain no", "X-Should-Retry: false", false, Advice{Stop: true}},
		{"a plain yes", "X-Should-Retry: true", false, Advice{}},
		{"Levee's", "Levee-Shed: overload", false, Advice{Elsewhere: true}},
		{"Levee's, with a time", "Levee-Shed: retry_budget\nRetry-After: 7", false, Advice{Elsewhere: true, After: 7 * time.Second, Waits: true}},
		{"a denial", "Proxy-Status: levee; error=http_request_denied", false, Advice{Elsewhere: true}},
		{"another proxy's trouble", "Proxy-Status: levee; error=connection_refused", false, Advice{}},
		{"a pushback", "Grpc-Retry-Pushback-Ms: 250", true, Advice{After: 250 * time.Millisecond, Waits: true, Exactly: true, Asked: true}},
		{"a pushback before a time", "Grpc-Retry-Pushback-Ms: 250\nRetry-After: 3", true, Advice{After: 250 * time.Millisecond, Waits: true, Exactly: true, Asked: true}},
		{"a negative one", "Grpc-Retry-Pushback-Ms: -1", true, Advice{Stop: true}},
		{"an empty one", "Grpc-Retry-Pushback-Ms: ", true, Advice{Stop: true}},
		{"two of them", "Grpc-Retry-Pushback-Ms: 1\nGrpc-Retry-Pushback-Ms: 2", true, Advice{Stop: true}},
		{"one for others", "Grpc-Retry-Pushback-Ms: -1", false, Advice{}},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(test.header, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		if got := AdviceOf(h, test.grpc, now); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// FuzzAdvice reads what an upstream may send: nothing that it says may make a
// wait negative or longer than a day.
func FuzzAdvice(f *testing.F) {
	f.Add("120", "Thu, 26 Feb 2026 05:00:30 GMT", "250", `levee; error=connection_refused; details="a"`)
	f.Add("Thu, 26 Feb 2026 05:00:30 GMT", "", "-1", `a;b="\",;", c;error=d`)
	f.Add("999999999999999999999", "x", "99999999999999999999", `;,;,"`)
	now := time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, date, pushback, status string) {
		h := http.Header{RetryAfterHeader: {after}, dateHeader: {date}, proxyStatusHeader: {status}}
		a := AdviceOf(h, false, now)
		if a.After < 0 || a.After > maxTimeout || a.After > 0 && !a.Waits {
			t.Errorf("Retry-After %q of %q: %+v", after, date, a)
		}
		h[PushbackHeader] = []string{pushback}
		a = AdviceOf(h, true, now)
		if a.After < 0 || a.After > maxTimeout || a.Stop == a.Asked && proxyError(status) != ErrorLoop {
			t.Errorf("pushback %q: %+v", pushback, a)
		}
		if e := proxyError(status); e != "" && !strings.Contains(status, "error="+e) {
			t.Errorf("Proxy-Status %q: error %q isn't in it", status, e)
		}
	})
}
