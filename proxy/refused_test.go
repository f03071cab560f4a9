package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// TestOnlyRefusalsAreRefused: an upstream that has carried a request out gets it
// once, whatever words it then fails with.
func TestOnlyRefusalsAreRefused(t *testing.T) {
	overHTTP1 := func(arrived *atomic.Int64) string {
		return rawUpstream(t, func(c net.Conn, _ int) {
			r, err := readRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			arrived.Add(1)
			io.WriteString(c, "HTTP/1.1 REFUSED_STREAM http2: Transport received\r\n\r\n")
		})
	}
	goesAway := func(code http2.ErrCode, debug string) func(arrived *atomic.Int64) string {
		return func(arrived *atomic.Int64) string {
			return h2Upstream(t, func(fr *http2.Framer, stream uint32, c net.Conn) {
				arrived.Add(1)
				fr.WriteGoAway(stream, code, []byte(debug))
				c.Close()
			})
		}
	}
	for name, upstream := range map[string]func(*atomic.Int64) string{
		"HTTP/1.1, the words in the status line": overHTTP1,
		"HTTP/2, the words in the debug data":    goesAway(http2.ErrCodeInternal, "REFUSED_STREAM"),
		"HTTP/2, the code for the connection":    goesAway(http2.ErrCodeRefusedStream, ""),
		"HTTP/2, no error":                       goesAway(http2.ErrCodeNo, ""),
		"HTTP/2, the stream is reset": func(arrived *atomic.Int64) string {
			return h2Upstream(t, func(fr *http2.Framer, stream uint32, _ net.Conn) {
				arrived.Add(1)
				fr.WriteRSTStream(stream, http2.ErrCodeInternal)
			})
		},
	} {
		for _, key := range []string{"", "k"} {
			t.Run(name+", key "+key, func(t *testing.T) {
				var arrived atomic.Int64
				yaml := steady(simple)
				if key != "" {
					yaml = steady(keyed(""))
				}
				p := start(t, strings.Replace(yaml, `["$UPSTREAM"]`, `["$UPSTREAM"], retry: {attempts: 2}`, 1), upstream(&arrived), Options{})
				resp, _ := post(t, p.url, key, "x")
				if said := resp.Header.Get("Proxy-Status"); strings.HasPrefix(name, "HTTP/2") && !strings.Contains(said, "error=connection_terminated") {
					t.Errorf("answered %s", said)
				}
				if resp.StatusCode != http.StatusBadGateway || arrived.Load() != 1 {
					t.Errorf("answered %d, and the upstream got it %d times; want 502 and once", resp.StatusCode, arrived.Load())
				}
			})
		}
	}
}
