package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/levee-proxy/levee/proxy/h1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What net/http's transport would send again by itself when a reused
// connection dies: replayable methods, and anything with an idempotency key.
var replayable = []struct{ method, header, body string }{
	{"GET", "", ""},
	{"HEAD", "", ""},
	{"OPTIONS", "", ""},
	{"POST", "Idempotency-Key: k\r\n", ""},
	{"POST", "X-Idempotency-Key: k\r\n", "x"},
	{"PUT", "Idempotency-Key: k\r\n", "x"},
}

// TestOneAttemptHTTP1 lets every reused connection die when its second request
// has arrived. Each client request must reach the upstream exactly once.
func TestOneAttemptHTTP1(t *testing.T) {
	var arrived atomic.Int64
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		for n := 1; ; n++ {
			if _, err := readRequest(br); err != nil {
				return
			}
			arrived.Add(1)
			if n == 2 {
				c.(*net.TCPConn).SetLinger(0) // a reset, as from a process that was killed
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	p := start(t, steady(simple), up, Options{})
	sent, bad := int64(0), 0
	for range 20 {
		for _, req := range replayable {
			c := dialRaw(t, p)
			c.send(requestText(req))
			resp, _ := c.answer(req.method)
			sent++
			switch resp.StatusCode {
			case 200:
			case 502:
				bad++
				wantAnswer(t, resp, 502, errTerminated)
			default:
				t.Fatalf("%s answered %d", req.method, resp.StatusCode)
			}
			c.Close()
		}
	}
	if n := arrived.Load(); n != sent {
		t.Errorf("%d client requests made %d upstream attempts, want as many", sent, n)
	}
	if bad == 0 {
		t.Error("no connection died on reuse: the test shows nothing")
	}
	t.Logf("%d client requests, %d upstream attempts, %d connections died on reuse", sent, arrived.Load(), bad)
}

func requestText(r struct{ method, header, body string }) string {
	s := r.method + " / HTTP/1.1\r\nHost: h\r\n" + r.header
	if r.body != "" {
		s += fmt.Sprintf("Content-Length: %d\r\n", len(r.body))
	}
	return s + "\r\n" + r.body
}

// TestOneAttemptHTTP2 lets an HTTP/2 upstream refuse streams in each way that
// net/http's transport answers with another attempt, up to six times.
func TestOneAttemptHTTP2(t *testing.T) {
	for name, refuse := range map[string]func(fr *http2.Framer, stream uint32, c net.Conn){
		"REFUSED_STREAM": func(fr *http2.Framer, stream uint32, _ net.Conn) {
			fr.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		},
		"GOAWAY": func(fr *http2.Framer, stream uint32, _ net.Conn) {
			fr.WriteGoAway(stream-1, http2.ErrCodeNo, nil)
		},
		"reset": func(_ *http2.Framer, _ uint32, c net.Conn) {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64
			up := h2Upstream(t, func(fr *http2.Framer, stream uint32, c net.Conn) {
				if arrived.Add(1)%2 == 0 {
					refuse(fr, stream, c)
					return
				}
				fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h2Status(200), EndHeaders: true, EndStream: true})
			})
			p := start(t, steady(simple), up, Options{})
			var sent int64
			counts := map[int]int{}
			for range 10 {
				for _, req := range replayable {
					c := dialRaw(t, p)
					c.send(requestText(req))
					resp, _ := c.answer(req.method)
					counts[resp.StatusCode]++
					sent++
					c.Close()
				}
			}
			if n := arrived.Load(); n != sent {
				t.Errorf("%d client requests made %d upstream attempts, want as many", sent, n)
			}
			if counts[502] != int(sent/2) {
				t.Errorf("statuses %v, want half of %d to be 502", counts, sent)
			}
			t.Logf("%d client requests, %d upstream attempts, statuses %v", sent, arrived.Load(), counts)
		})
	}
}

// h2Upstream speaks HTTP/2 frame by frame and calls answer for each request
// once its stream is ended by the client.
func h2Upstream(t *testing.T, answer func(fr *http2.Framer, stream uint32, c net.Conn)) (url string) {
	return strings.Replace(rawUpstream(t, func(c net.Conn, _ int) {
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		fr := http2.NewFramer(c, c)
		fr.WriteSettings()
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					fr.WriteSettingsAck()
				}
			case *http2.PingFrame:
				if !f.IsAck() {
					fr.WritePing(true, f.Data)
				}
			case *http2.HeadersFrame:
				if f.StreamEnded() {
					answer(fr, f.StreamID, c)
				}
			case *http2.DataFrame:
				if f.StreamEnded() {
					answer(fr, f.StreamID, c)
				}
			}
		}
	}), "http://", "h2c://", 1)
}

func h2Status(code int) []byte {
	var b strings.Builder
	enc := hpack.NewEncoder(&b)
	enc.WriteField(hpack.HeaderField{Name: ":status", Value: fmt.Sprint(code)})
	return []byte(b.String())
}

// TestDeadConnectionsAreFound closes kept connections between requests: the
// proxy must notice before it sends anything on them, and fail no request.
func TestDeadConnectionsAreFound(t *testing.T) {
	var arrived atomic.Int64
	up := rawUpstream(t, func(c net.Conn, _ int) {
		if _, err := readRequest(bufio.NewReader(c)); err != nil {
			return
		}
		arrived.Add(1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // and close, though keep-alive was promised
	})
	p := start(t, steady(simple), up, Options{})
	for i := range 200 {
		resp, _ := get(t, p.url+"/")
		if resp.StatusCode != http.StatusOK {
			// The close may be on its way while the next request is sent; then
			// there is nothing to notice yet, and one attempt is all there is.
			wantAnswer(t, resp, 502, errTerminated)
			t.Logf("request %d met a connection whose end had not arrived", i)
		}
	}
	if n := arrived.Load(); n > 200 {
		t.Errorf("200 requests made %d attempts", n)
	}
}

// TestLeftOverBytesAreNeverAnAnswer has an upstream send a second response
// nobody asked for. It must not become the answer to another client's request.
func TestLeftOverBytesAreNeverAnAnswer(t *testing.T) {
	up := rawUpstream(t, func(c net.Conn, n int) {
		br := bufio.NewReader(c)
		for {
			r, err := readRequest(br)
			if err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"+
				"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-For: "+r.URL.Path+"\r\n\r\npoison")
		}
	})
	p := start(t, steady(simple), up, Options{})
	for range 300 {
		resp, body := get(t, p.url+"/")
		if resp.StatusCode != 200 || body != "good" {
			t.Fatalf("answered %d %q", resp.StatusCode, body)
		}
	}
}

// TestAttemptKnowsItsExchangesEnd at once: its own context hears of it on
// another goroutine, and whatever asks before that would blame somebody else.
func TestAttemptKnowsItsExchangesEnd(t *testing.T) {
	late := errors.New("late")
	for range 100 {
		e := &h1.Ending{}
		e.Follow(t.Context())
		a := &attempt{}
		a.life.Follow(e)
		a.ctx = &a.life
		if err := context.Cause(a.ctx); err != nil {
			t.Fatalf("before: %v", err)
		}
		e.Cancel(late)
		if err := context.Cause(a.ctx); err != late {
			t.Fatalf("ended for %v", err)
		}
		a.life.Cancel(nil)
	}
}
