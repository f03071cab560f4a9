package proxy

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestNoPartLooksWhole: an answer that breaks off doesn't end as one would that
// was said to its end. To HTTP/1.0, without a length, that end is the
// connection's (RFC 9112, section 8), and so it is reset.
func TestNoPartLooksWhole(t *testing.T) {
	goOn := make(chan struct{})
	up := rawUpstream(t, func(c net.Conn, _ int) {
		for {
			buf := make([]byte, 4096)
			if _, err := c.Read(buf); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")
			<-goOn
			if strings.HasPrefix(string(buf), "GET /whole ") {
				io.WriteString(c, "4\r\n, so\r\n0\r\n\r\n")
				continue
			}
			return
		}
	})
	p := start(t, simple, up, Options{})
	for _, minor := range []string{"0", "1"} {
		for _, path := range []string{"/whole", "/broken"} {
			t.Run("1."+minor+path, func(t *testing.T) {
				c := dialRaw(t, p)
				c.send("GET " + path + " HTTP/1." + minor + "\r\nHost: h\r\nConnection: close\r\n\r\n")
				head, err := c.br.ReadString('p')
				for err == nil && !strings.Contains(head, "\r\n\r\n") {
					var more string
					more, err = c.br.ReadString('p')
					head += more
				}
				goOn <- struct{}{}
				rest, end := io.ReadAll(c.br)
				whole := strings.HasSuffix(string(rest), ", so") || strings.HasSuffix(string(rest), "\r\n0\r\n\r\n")
				if path == "/whole" && (!whole || end != nil) {
					t.Errorf("%q %q, %v", head, rest, end)
				}
				if path == "/broken" && (whole || minor == "0" && !errors.Is(end, syscall.ECONNRESET)) {
					t.Errorf("%q %q ended with %v", head, rest, end)
				}
			})
		}
	}
}
