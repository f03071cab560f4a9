package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// keeping is a writer that takes nothing, and goes on reading what it was given,
// as net/http's for HTTP/2 may where the client has reset the stream.
type keeping struct {
	http.ResponseWriter
	kept []byte
}

func (k *keeping) Write(p []byte) (int, error) {
	k.kept = p
	return 0, io.ErrClosedPipe
}

// TestRefusedPieceIsNotUsedAgain: what a client's writer didn't take isn't written
// over by another answer.
func TestRefusedPieceIsNotUsedAgain(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Path[1:], 2*shortAnswer))
	}))
	defer up.Close()
	p := start(t, simple, up.URL, Options{})
	for range 10 { // which buffer a pool gives isn't certain
		k := &keeping{ResponseWriter: httptest.NewRecorder()}
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("the handler ended with %v", v)
				}
			}()
			p.ServeHTTP(k, httptest.NewRequest("GET", "/a", nil))
		}()
		p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/b", nil))
		if len(k.kept) == 0 || strings.Trim(string(k.kept), "a") != "" {
			t.Fatalf("of one client's answer, another's is left: %.60q", k.kept)
		}
	}
}
