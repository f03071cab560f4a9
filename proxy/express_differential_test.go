package proxy

import (
	"bufio"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestExpressIsInvisible: whatever a client sends, in whatever pieces, it gets
// the same bytes as from net/http alone.
func TestExpressIsInvisible(t *testing.T) {
	besideNetHTTP(t)
	words := []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"HEAD /x HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
		"GET / HTTP/1.1\nHost: h\n\n", "\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "G",
		"GET / HTTP/1.1\r\nHost: h\r\nX-Envoy-Attempt-Count: 3\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nAmz-Sdk-Request: attempt=2; max=3\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: Go-http-client/1.1\r\nX-Stainless-Retry-Count: 4\r\n\r\n",
	}
	ids := regexp.MustCompile("X-Request-Id: .*\r\n")
	total := uint64(0)
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		var pieces []string
		for range 2 + r.IntN(8) {
			w := words[max(0, r.IntN(3*len(words))-2*len(words))] // mostly the first
			for r.IntN(8) == 0 && len(w) > 1 {
				cut := 1 + r.IntN(len(w)-1)
				pieces = append(pieces, w[:cut])
				w = w[cut:]
			}
			if n := len(pieces); n > 0 && r.IntN(5) == 0 {
				pieces[n-1] += w
			} else {
				pieces = append(pieces, w)
			}
		}
		said := func(express bool) (got string) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", ", responseTimeout: 0s", ""))
				a.ask("/hold")
				a.ask("/")
				ours, theirs := pipe()
				c := &clientConn{Conn: theirs, scheme: "http"}
				c.setPeer("192.0.2.1:1234")
				if !express {
					a.engine.proxy = nil
				}
				a.engine.handle(c)
				answers := make(chan string, 1)
				go func() {
					b, _ := io.ReadAll(bufio.NewReader(ours))
					answers <- string(b)
				}()
				for _, p := range pieces {
					synctest.Wait()
					io.WriteString(ours, p)
				}
				synctest.Wait()
				ours.(*pipeConn).CloseWrite()
				got = ids.ReplaceAllString(<-answers, "")
				ours.Close()
				if express {
					total += c.express.answered
				}
				a.release <- struct{}{}
				takes(time.Second)
				a.want(0, 0, 0)
			})
			return got
		}
		if with, without := said(true), said(false); with != without {
			t.Fatalf("seed %d: to %q\nit said\n%q\nand net/http says\n%q", seed, pieces, with, without)
		}
	}
	if total < 200 {
		t.Errorf("only %d were answered without net/http", total)
	}
}
