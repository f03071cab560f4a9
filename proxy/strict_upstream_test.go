package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// lean is a configuration with the lean engine, whichever the tests run on.
func lean(yaml string) string { return yaml + "engine: lean\n" }

// TestLeanUpstreamFraming: what net/http lets through, where no proxy should,
// is no answer to the lean engine.
func TestLeanUpstreamFraming(t *testing.T) {
	for name, answer := range map[string]string{
		"Content-Length with Transfer-Encoding": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"equal lengths twice":                   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
		"a list of lengths":                     "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
		"obs-fold":                              "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
		"bare LF":                               "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"Transfer-Encoding on HTTP/1.0":         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"a space before the colon":              "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
		"a bare CR":                             "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
		"another version":                       "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, lean(simple), says(t, answer), Options{})
			resp, _ := get(t, p.url)
			wantAnswer(t, resp, 502, errProtocol)
			e := p.Status().Upstreams[0].Endpoints[0]
			if e.Failures != 1 || e.Connections != 0 {
				t.Errorf("%d failures counted, want 1; %d connections are open", e.Failures, e.Connections)
			}
		})
	}
	t.Run("a chunk extension", func(t *testing.T) {
		p := start(t, lean(simple), says(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"y\r\nok\r\n0\r\n\r\n"), Options{})
		resp, err := http.Get(p.url)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Errorf("the client took %q for the whole", body)
			}
		}
	})
}

// TestLeanEarlyEnds: connections that end while they are idle are given up
// without anybody asking for them, and no request meets one.
func TestLeanEarlyEnds(t *testing.T) {
	end := make(chan struct{})
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		if _, err := readRequest(br); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-end
	})
	p := start(t, lean(simple), up, Options{})
	get(t, p.url)
	if n := p.Status().Upstreams[0].Endpoints[0].Connections; n != 1 {
		t.Fatalf("%d connections are kept, want 1", n)
	}
	close(end)
	eventually(t, "the connection is given up", func() bool {
		return p.Status().Upstreams[0].Endpoints[0].Connections == 0
	})
}

// TestTargetsOfHTTP2: HTTP/2 has targets that HTTP/1.1 can't write. They are the
// client's fault, and not sent in other words; nor as they are, where they would
// be more than a target. net/http writes bytes beyond ASCII.
func TestTargetsOfHTTP2(t *testing.T) {
	for _, engine := range []string{"lean", "standard"} {
		for _, path := range []string{"/a?b c", "/a b", "/a?b HTTP/1.1", "/a?b\xc3\xa9"} {
			up := newCounting(t)
			p := start(t, simple+"engine: "+engine+"\n", up.url, Options{})
			want := "400"
			if engine == "standard" && !strings.Contains(path, " ") {
				want = "200"
			}
			if status := overHTTP2(t, p, path); status != want {
				t.Errorf("%s: %q answered %s, want %s", engine, path, status, want)
			}
			if n := up.n.Load(); (n == 0) != (want == "400") {
				t.Errorf("%s: %q reached the upstream %d times", engine, path, n)
			}
			if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 0 {
				t.Errorf("%s: %q counted against the endpoint", engine, path)
			}
		}
	}
}

// overHTTP2 asks for a path, whatever is in it, and returns the answer's status.
func overHTTP2(t *testing.T, p *running, path string) string {
	t.Helper()
	c := dialRaw(t, p)
	io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.WriteSettings()
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", path}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true, EndStream: true})
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := f.(*http2.MetaHeadersFrame); ok {
			return h.PseudoValue("status")
		}
	}
}
