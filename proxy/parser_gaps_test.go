package proxy

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// TestKnownParserGaps holds what docs/threat-model.md says about framing that
// net/http's parser lets through, where no handler sees it, and what becomes
// of it: nothing of it is passed on as it came. When one of these is refused,
// the list there is out of date. The lean engine refuses all of them.
func TestKnownParserGaps(t *testing.T) {
	for name, tc := range map[string]struct {
		request string
		status  int
		length  int64 // of the body that the upstream saw
	}{
		"Content-Length with Transfer-Encoding": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, 5},
		"equal lengths twice":                   {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, 2},
		"obs-fold":                              {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 200, 0},
		"bare LF":                               {"GET / HTTP/1.1\nHost: h\n\n", 200, 0},
		"Transfer-Encoding on HTTP/1.0":         {"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, 0},
		"chunk extension":                       {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"y\r\nok\r\n0\r\n\r\n", 200, 2},
	} {
		t.Run(name, func(t *testing.T) {
			up := newCounting(t)
			var seen atomic.Int64
			seen.Store(-1)
			up.url = service(t, func(w http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 100)
				n := 0
				for {
					m, err := r.Body.Read(buf[n:])
					if n += m; err != nil {
						break
					}
				}
				seen.Store(int64(n))
				if len(r.Header["Content-Length"]) > 0 && len(r.TransferEncoding) > 0 {
					t.Error("both framings were passed on")
				}
				up.last.Store(r)
			}).URL
			p := start(t, simple, up.url, Options{})
			c := dialRaw(t, p)
			c.send(tc.request)
			resp, _ := c.answer("POST")
			if onLean() {
				wantAnswer(t, resp, 400, errRequest)
				c.closed()
				if n := seen.Load(); n > 0 {
					t.Errorf("the upstream saw %d bytes", n)
				}
				return
			}
			if resp.StatusCode != tc.status {
				t.Errorf("answered %d, docs/threat-model.md says %d", resp.StatusCode, tc.status)
			}
			if n := seen.Load(); n != tc.length {
				t.Errorf("the upstream saw %d bytes, want %d", n, tc.length)
			}
			if x := up.last.Load(); x != nil && name == "obs-fold" && x.Header.Get("X") != "a b" {
				t.Errorf("the folded field arrived as %q", x.Header.Get("X"))
			}
		})
	}
}
