package cache

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// t0 is when every response of the tables was requested and received.
var t0 = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

var relative = regexp.MustCompile(`\{([+-]?\d+)\}`)

// header reads lines of fields. {-10} stands for the HTTP date ten seconds
// before t0.
func header(lines string) http.Header {
	lines = relative.ReplaceAllStringFunc(lines, func(s string) string {
		seconds, _ := strconv.Atoi(strings.Trim(s, "{}"))
		return t0.Add(time.Duration(seconds) * time.Second).Format(http.TimeFormat)
	})
	h := http.Header{}
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	return h
}

func request(c *Config, method, lines string) *Request {
	r := &Request{Method: method, Scheme: "http", Host: "example.com", Target: "/a?b=c", Header: header(lines)}
	c.Prepare(r)
	return r
}

func response(status int, lines string) *Response {
	return &Response{Status: status, Header: header(lines), Requested: t0, Received: t0}
}

// stored stores a 200 that must be storable.
func stored(t testing.TB, c *Config, requestLines, responseLines string) (*Policy, http.Header) {
	t.Helper()
	s := c.Store(request(c, "GET", requestLines), response(200, responseLines))
	if !s.Store {
		t.Fatalf("not stored: %v\n%s", s.Reason, responseLines)
	}
	return &s.Policy, s.Header
}

func at(seconds float64) Moment {
	return Moment{Now: t0.Add(time.Duration(seconds * float64(time.Second)))}
}
