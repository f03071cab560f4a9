package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestUnreadBody: what is left of a body behind its answer, early as that may have
// come, doesn't get in the way of the next request, of which a part may have come with
// it; nor does it take the process down.
func TestUnreadBody(t *testing.T) {
	for _, engine := range []string{"lean", "standard"} {
		for _, test := range []struct {
			name, first, rest string
			status            int
			ends              []string // engines which may give the connection up
		}{
			{"answered early", "POST /e/early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n", "2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", 200, []string{"standard"}},
			{"refused", "POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "0\r\n\r\n", 404, []string{"standard"}},
			{"refused, of known length", "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab", "cd", 404, nil},
			{"refused, and long", "POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("b", 32<<10)+"\r\n", 9), "0\r\n\r\n", 404, []string{"lean", "standard"}},
		} {
			t.Run(engine+", "+test.name, func(t *testing.T) {
				up := rawUpstream(t, func(c net.Conn, _ int) {
					br := bufio.NewReader(c)
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					if r.URL.Path != "/e/early" {
						_, _ = io.Copy(io.Discard, r.Body)
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					_, _ = io.Copy(io.Discard, br)
				})
				var logged bytes.Buffer
				var mu sync.Mutex
				yaml := strings.Replace(simple, "routes: [{name: all, ", "routes: [{name: some, match: {pathPrefix: /e}, ", 1)
				p := start(t, yaml+"engine: "+engine+"\n", up, Options{Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &logged}, nil))})
				c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(testDeadline))
				br := bufio.NewReader(c)
				answer := func() int { // 0: the connection has ended
					a, err := http.ReadResponse(br, nil)
					if err != nil {
						return 0
					}
					if _, err := io.Copy(io.Discard, a.Body); err != nil {
						return 0
					}
					return a.StatusCode
				}
				_, _ = io.WriteString(c, test.first)
				if status := answer(); status != test.status {
					t.Errorf("the first is answered %d", status)
				}
				_, _ = fmt.Fprintf(c, "%sPOST /e/ends HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX", test.rest)
				next := make(chan int, 1)
				go func() { next <- answer() }()
				eventually(t, "the next request runs, or never will", func() bool { return p.Status().Inflight == 1 || len(next) > 0 })
				_, _ = io.WriteString(c, "-Sum: 2\r\n\r\n")
				switch status := <-next; {
				case status == 200:
				case status == 0 && slices.Contains(test.ends, engine):
				default:
					t.Errorf("the next is answered %d", status)
				}
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(logged.String(), "panic") {
					t.Error(logged.String())
				}
			})
		}
	}
}

// TestNoWaitForUnwantedBody: a client that was to ask before it sends a body, and was
// refused, isn't waited for.
func TestNoWaitForUnwantedBody(t *testing.T) {
	for _, engine := range []string{"lean", "standard"} {
		yaml := strings.Replace(simple, `"127.0.0.1:0"`, `"127.0.0.1:0", timeouts: {read: 1h}`, 1)
		yaml = strings.Replace(yaml, "routes: [{name: all, ", "routes: [{name: some, match: {pathPrefix: /e}, ", 1)
		p := start(t, yaml+"engine: "+engine+"\n", "http://127.0.0.1:1", Options{})
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || a.StatusCode != 404 {
			t.Fatal(a, err)
		}
		eventually(t, "the request is over", func() bool { return p.Status().Inflight == 0 })
		c.Close()
	}
}
