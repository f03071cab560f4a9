package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestTrailersThatMayNotBe: fields that say how a message is framed, routed or
// read are no trailers (RFC 9110, section 6.5.1), announced or not.
func TestTrailersThatMayNotBe(t *testing.T) {
	for _, engine := range []string{"lean", "standard"} {
		for _, announced := range []string{"", "Trailer: Connection, Content-Encoding, X-Sum\r\n"} {
			t.Run(fmt.Sprintf("%s, announced %t", engine, announced != ""), func(t *testing.T) {
				up := rawUpstream(t, func(c net.Conn, _ int) {
					if _, err := readRequest(bufio.NewReader(c)); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+announced+"Transfer-Encoding: chunked\r\n\r\n"+
						"4\r\nbody\r\n0\r\nConnection: close\r\nContent-Encoding: gzip\r\nX-Sum: 42\r\n\r\n")
				})
				p := start(t, simple+"engine: "+engine+"\n", up, Options{})
				c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: close\r\n\r\n")
				answer, err := io.ReadAll(c)
				if err != nil {
					t.Fatal(err)
				}
				_, trailer, _ := strings.Cut(string(answer), "\r\n0\r\n")
				if trailer != "X-Sum: 42\r\n\r\n" || !strings.HasPrefix(string(answer), fmt.Sprintf("HTTP/1.1 %d", http.StatusOK)) {
					t.Errorf("the answer ends with %q: %q", trailer, answer)
				}
			})
		}
	}
}
