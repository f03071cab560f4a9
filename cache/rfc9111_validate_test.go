package cache

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRFC9111Conditions walks §4.3.1: what is asked of the upstream.
func TestRFC9111Conditions(t *testing.T) {
	for _, test := range []struct {
		name, response, request, want string
	}{
		{"4.3.1 a strong tag", "ETag: \"a\"", "Accept: x", "Accept: x\nIf-None-Match: \"a\""},
		{"4.3.1 a weak tag", "ETag: W/\"a\"", "", "If-None-Match: W/\"a\""},
		{"4.3.1 a date", "Last-Modified: {-100}", "", "If-Modified-Since: {-100}"},
		{"4.3.1 both", "ETag: \"a\"\nLast-Modified: {-100}", "", "If-None-Match: \"a\"\nIf-Modified-Since: {-100}"},
		{"4.3.1 a tag that is none", "ETag: a\nLast-Modified: {-100}", "", "If-Modified-Since: {-100}"},
		{"4.3.1 none", "Cache-Control: max-age=60", "Accept: x", "Accept: x"},
		{"4.3.1 in place of the client's", "ETag: \"a\"", "If-None-Match: \"b\"\nIf-Modified-Since: {0}\nIf-Match: \"b\"\nIf-Unmodified-Since: {0}\nIf-Range: \"b\"\nRange: bytes=0-1\nAbc: 1", "Abc: 1\nIf-None-Match: \"a\""},
	} {
		p, _ := stored(t, &Config{}, "", test.response+"\nCache-Control: max-age=60")
		got := header(test.request)
		p.Conditions(got)
		if !equal(got, header(test.want)) {
			t.Errorf("%s: %v; want %v", test.name, got, header(test.want))
		}
	}
}

func equal(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name, values := range a {
		if len(values) != len(b[name]) {
			return false
		}
		for i := range values {
			if values[i] != b[name][i] {
				return false
			}
		}
	}
	return true
}

// TestRFC9111Freshen walks §4.3.4 and §3.2: which 304 updates what is stored,
// and what it changes.
func TestRFC9111Freshen(t *testing.T) {
	const first = "Cache-Control: max-age=10\nDate: {0}\nETag: \"a\"\nContent-Type: text/plain\nContent-Length: 5\nX-A: 1\nX-B: 1"
	for _, test := range []struct {
		name      string
		stored    string
		request   string
		answer    string // 100 s later
		holds     bool
		drop      bool
		store     bool
		freshFor  time.Duration
		wantField string
		want      string
	}{
		{"4.3.4 the same strong tag", first, "", "ETag: \"a\"\nDate: {100}\nCache-Control: max-age=20", true, false, true, 20 * time.Second, "X-A", "1"},
		{"4.3.4 no validator", first, "", "Date: {100}", true, false, true, 10 * time.Second, "X-A", "1"},
		{"4.3.4 another tag", first, "", "ETag: \"b\"", false, false, false, 0, "", ""},
		{"4.3.4 a weak tag for a strong one", first, "", "ETag: W/\"a\"\nDate: {100}", true, false, true, 10 * time.Second, "X-A", "1"},
		{"4.3.4 a strong tag for a weak one", "Cache-Control: max-age=10\nETag: W/\"a\"", "", "ETag: \"a\"", false, false, false, 0, "", ""},
		{"4.3.4 a tag where none was", "Cache-Control: max-age=10\nLast-Modified: {-10}", "", "ETag: \"a\"\nLast-Modified: {-10}", false, false, false, 0, "", ""},
		{"4.3.4 a tag that is none", first, "", "ETag: a", false, false, false, 0, "", ""},
		{"4.3.4 the same date", "Cache-Control: max-age=10\nLast-Modified: {-10}\nDate: {0}", "", "Last-Modified: {-10}\nDate: {100}", true, false, true, 10 * time.Second, "Last-Modified", "{-10}"},
		{"4.3.4 another date", "Cache-Control: max-age=10\nLast-Modified: {-10}\nDate: {0}", "", "Last-Modified: {-9}\nDate: {100}", false, false, false, 0, "", ""},
		{"3.2 fields are replaced", first, "", "ETag: \"a\"\nDate: {100}\nX-A: 2\nX-A: 3", true, false, true, 10 * time.Second, "X-A", "2, 3"},
		{"3.2 fields stay", first, "", "ETag: \"a\"\nDate: {100}\nX-A: 2", true, false, true, 10 * time.Second, "X-B", "1"},
		{"3.2 fields are added", first, "", "ETag: \"a\"\nDate: {100}\nX-C: 2", true, false, true, 10 * time.Second, "X-C", "2"},
		{"3.2 Content-Type is", first, "", "ETag: \"a\"\nDate: {100}\nContent-Type: text/html", true, false, true, 10 * time.Second, "Content-Type", "text/html"},
		{"3.2 Content-Length never", first, "", "ETag: \"a\"\nDate: {100}\nContent-Length: 0", true, false, true, 10 * time.Second, "Content-Length", "5"},
		{"3.2 Content-Encoding never", first, "", "ETag: \"a\"\nDate: {100}\nContent-Encoding: gzip", true, false, true, 10 * time.Second, "Content-Encoding", ""},
		{"3.2 Content-Range never", first, "", "ETag: \"a\"\nDate: {100}\nContent-Range: bytes 0-1/5", true, false, true, 10 * time.Second, "Content-Range", ""},
		{"3.2 Transfer-Encoding never", first, "", "ETag: \"a\"\nDate: {100}\nTransfer-Encoding: chunked", true, false, true, 10 * time.Second, "Transfer-Encoding", ""},
		{"3.1 what Connection names never", first, "", "ETag: \"a\"\nDate: {100}\nConnection: x-a\nX-A: 2", true, false, true, 10 * time.Second, "X-A", "1"},
		{"7.3 Set-Cookie never", first, "", "ETag: \"a\"\nDate: {100}\nSet-Cookie: a=b", true, false, true, 10 * time.Second, "Set-Cookie", ""},
		{"5.1 Age counts", first, "", "ETag: \"a\"\nDate: {100}\nAge: 4", true, false, true, 6 * time.Second, "Age", ""},
		{"4.3.4 no Date: it is that of now", first, "", "ETag: \"a\"", true, false, true, 10 * time.Second, "Date", "{100}"},
		{"4.3.4 a shorter lifetime", first, "", "ETag: \"a\"\nDate: {100}\nCache-Control: max-age=0", true, false, true, 0, "X-A", "1"},
		{"5.2.2.5 no-store", first, "", "ETag: \"a\"\nDate: {100}\nCache-Control: no-store", true, true, false, 0, "", ""},
		{"5.2.2.7 private", first, "", "ETag: \"a\"\nDate: {100}\nCache-Control: private", true, true, false, 0, "", ""},
		{"3.5 for an authorized request", first, "Authorization: Basic x", "ETag: \"a\"\nDate: {100}", true, false, false, 0, "", ""},
		{"5.2.1.5 for a client that says no-store", first, "Cache-Control: no-store", "ETag: \"a\"\nDate: {100}", true, false, false, 0, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			p, h := stored(t, &c, "", test.stored)
			before := h.Clone()
			answer := response(304, test.answer)
			answer.Requested, answer.Received = at(100).Now, at(100).Now
			got := c.Freshen(request(&c, "GET", test.request), p, h, answer)
			if got.Holds != test.holds || got.Drop != test.drop || got.Store != test.store {
				t.Fatalf("holds %v, drop %v, store %v (%v)", got.Holds, got.Drop, got.Store, got.Reason)
			}
			if !equal(h, before) {
				t.Errorf("the stored header was changed: %v", h)
			}
			if !got.Store {
				return
			}
			if fresh := got.Policy.FreshFor(at(100).Now); fresh != test.freshFor {
				t.Errorf("fresh for %v; want %v", fresh, test.freshFor)
			}
			if got.Policy.Status() != 200 {
				t.Errorf("status %d", got.Policy.Status())
			}
			want := header("X: " + test.want).Get("X")
			if field := joined(got.Header[test.wantField]); field != want {
				t.Errorf("%s: %q; want %q", test.wantField, field, want)
			}
		})
	}
}

func joined(lines []string) string {
	var s strings.Builder
	for i, line := range lines {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(line)
	}
	return s.String()
}

// TestRFC9111FreshenByHead walks §4.3.5.
func TestRFC9111FreshenByHead(t *testing.T) {
	const first = "Cache-Control: max-age=10\nDate: {0}\nETag: \"a\"\nLast-Modified: {-10}\nContent-Length: 5"
	for _, test := range []struct {
		name   string
		status int
		answer string
		holds  bool
	}{
		{"4.3.5 the same", 200, "ETag: \"a\"\nContent-Length: 5\nX-A: 2", true},
		{"4.3.5 no validator, no length", 200, "X-A: 2", true},
		{"4.3.5 another tag", 200, "ETag: \"b\"", false},
		{"4.3.5 another length", 200, "ETag: \"a\"\nContent-Length: 6", false},
		{"4.3.5 a length that is none", 200, "ETag: \"a\"\nContent-Length: x", false},
		{"4.3.5 another date", 200, "Last-Modified: {-9}", false},
		{"4.3.5 another status", 410, "ETag: \"a\"", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			p, h := stored(t, &c, "", first)
			answer := response(test.status, test.answer)
			answer.Requested, answer.Received = at(100).Now, at(100).Now
			got := c.FreshenByHead(request(&c, "HEAD", ""), p, h, 5, answer)
			if got.Holds != test.holds || got.Store != test.holds {
				t.Fatalf("holds %v, store %v (%v); want %v", got.Holds, got.Store, got.Reason, test.holds)
			}
			if got.Store && (got.Policy.FreshFor(at(100).Now) != 10*time.Second || got.Header.Get("Content-Length") != "5") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestFailure: RFC 5861 §4.
func TestFailure(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := status == 500 || status == 502 || status == 503 || status == 504
		if Failure(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
}
