package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStaleOnOneConnection: while requests are being refused, those on routes
// with a cache aren't refused before anybody has looked there.
func TestStaleOnOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", staleOnOverload: 1h", "", ""), gives("one", "Cache-Control: max-age=1"))
		o.get("/")
		time.Sleep(2 * time.Second)
		hold := make(chan struct{})
		o.says(func(http.ResponseWriter, *http.Request) { <-hold })
		defer close(hold)
		for i := range 4 {
			o.ask(fmt.Sprintf("/hold%d", i))
		}
		synctest.Wait()
		c := o.connect()
		br := bufio.NewReader(c)
		for _, step := range []struct {
			path   string
			status int
		}{{"/x", 503}, {"/", 200}, {"/y", 503}, {"/", 200}} {
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: example.com\r\n\r\n", step.path)
			resp, err := http.ReadResponse(br, nil)
			if err != nil || resp.StatusCode/100 != step.status/100 && resp.StatusCode != 429 {
				t.Fatalf("%s: %v, %v", step.path, resp, err)
			}
			if body, _ := io.ReadAll(resp.Body); step.path == "/" && string(body) != "one" {
				t.Errorf("%s: %d %q", step.path, resp.StatusCode, body)
			}
		}
	})
}

// TestWhatGoesByTheCache: streams, upgrades, calls and content are passed on as
// on any route.
func TestWhatGoesByTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := limited("{mode: off}", ", cache: {mode: on, defaultTTL: 1h}", "")
		a := newArena(t, yaml)
		for _, test := range []struct{ name, request, want string }{
			{"a websocket", "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello", "hello"},
			{"an event stream", "GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n", "\r\nx\r\n"},
			{"an event stream that wasn't announced", "GET /events HTTP/1.1\r\nHost: h\r\n\r\n", "\r\nx\r\n"},
			{"a call", "POST /grpc/call HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n", "application/grpc"},
			{"a GET with content", "GET /read HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "fwd=bypass"},
		} {
			for range 2 { // the second one is no hit
				c := a.connect()
				_, _ = io.WriteString(c, test.request)
				var got strings.Builder
				buf := make([]byte, 4096)
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				for !strings.Contains(got.String(), test.want) {
					n, err := c.Read(buf)
					got.Write(buf[:n])
					if err != nil {
						t.Fatalf("%s: %v after %q", test.name, err, got.String())
					}
				}
				if strings.Contains(got.String(), "hit") || strings.Contains(got.String(), "stored") {
					t.Errorf("%s: %q", test.name, got.String())
				}
				c.Close()
			}
		}
	})
}

// TestNoContentTypeIsGuessed, from the cache or not: the service gave none.
func TestNoContentTypeIsGuessed(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "<html>")
	})
	for _, route := range []string{"", ", cache: {mode: on}"} {
		p := start(t, strings.Replace(simple, "upstream: service}]", "upstream: service"+route+"}]", 1), up.URL, Options{})
		for range 2 {
			if resp, body := get(t, p.url); has(resp.Header, "Content-Type") || body != "<html>" {
				t.Errorf("%q: %v %q", route, resp.Header, body)
			}
		}
	}
}
