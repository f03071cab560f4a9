package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// TestEventStream: an hour of server-sent events, in virtual time. Each one
// arrives when it is sent, not when a buffer is full, and neither the response
// timeout nor the route's deadline ends the stream.
func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(simple, "{name: all,", "{name: all, timeout: 10s,", 1)
		const events, every = 360, 10 * time.Second
		n := newVirtual(t, yaml, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			for i := range events {
				time.Sleep(every)
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
			}
		})
		c := n.connect()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		begin := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || time.Since(begin) != 0 {
			t.Fatalf("the header took %v, %v", time.Since(begin), err)
		}
		br := bufio.NewReader(resp.Body)
		for i := range events {
			line, err := br.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
				t.Fatalf("event %d: %q, %v", i, line, err)
			}
			br.ReadString('\n')
			if at, want := time.Since(begin), time.Duration(i+1)*every; at != want {
				t.Fatalf("event %d arrived after %v, want %v", i, at, want)
			}
		}
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("the stream ended with %v", err)
		}
		if d := time.Since(begin); d != time.Hour {
			t.Errorf("the stream lasted %v", d)
		}
	})
}

// TestDeadlineCutsBody: a deadline that passes in the middle of a body cuts
// the client's connection.
func TestDeadlineCutsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(simple, "{name: all,", "{name: all, timeout: 10s,", 1)
		n := newVirtual(t, yaml, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "part")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		c := n.connect()
		begin := time.Now()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "part" {
			t.Errorf("read %q, %v", body, err)
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("cut after %v", d)
		}
	})
}

// TestWebSocket sends 10,000 messages to an echo and back, by a real library
// on both sides.
func TestWebSocket(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, msg, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if c.Write(r.Context(), kind, msg) != nil {
				return
			}
		}
	})
	p := start(t, simple, up.URL, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), testDeadline)
	defer cancel()
	c, _, err := websocket.Dial(ctx, p.url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	const messages = 10_000
	go func() {
		for i := range messages {
			if c.Write(ctx, websocket.MessageText, fmt.Append(nil, i)) != nil {
				return
			}
		}
	}()
	for i := range messages {
		_, msg, err := c.Read(ctx)
		if err != nil || string(msg) != fmt.Sprint(i) {
			t.Fatalf("message %d came back as %q, %v", i, msg, err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Errorf("closing: %v", err)
	}
	eventually(t, "the tunnel ends", func() bool {
		s := p.Status()
		return s.Inflight == 0 && s.Upstreams[0].Endpoints[0].Connections == 0
	})
}

// TestTrailers go both ways, announced or not, over HTTP/1.1 and HTTP/2.
func TestTrailers(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Announced")
		io.WriteString(w, "request trailer: "+r.Trailer.Get("X-Request-Trailer"))
		w.Header().Set("X-Announced", "a")
		w.Header().Set(http.TrailerPrefix+"X-Late", "b")
	}
	h2url, _ := h2cService(t, h)
	for name, up := range map[string]string{"HTTP/1.1": service(t, h).URL, "HTTP/2": h2url} {
		t.Run(name, func(t *testing.T) {
			p := start(t, simple, up, Options{})
			pr, pw := io.Pipe()
			req, _ := http.NewRequest("POST", p.url, pr)
			req.Trailer = http.Header{"X-Request-Trailer": nil}
			go func() {
				io.WriteString(pw, "body")
				req.Trailer.Set("X-Request-Trailer", "t")
				pw.Close()
			}()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(body) != "request trailer: t" {
				t.Errorf("the upstream says %q", body)
			}
			if resp.Trailer.Get("X-Announced") != "a" || resp.Trailer.Get("X-Late") != "b" {
				t.Errorf("trailers %v", resp.Trailer)
			}
		})
	}
}

// TestExpectContinue: the body is asked for by the upstream, not by the proxy;
// a refusal comes without the body having been sent.
func TestExpectContinue(t *testing.T) {
	up := rawUpstream(t, func(c net.Conn, n int) {
		br := bufio.NewReader(c)
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if r.URL.Path == "/refuse" {
			io.WriteString(c, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			if b, _ := io.ReadAll(br); len(b) > 0 {
				t.Errorf("%q was sent all the same", b)
			}
			return
		}
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	})
	p := start(t, simple, up, Options{})
	c := dialRaw(t, p)
	c.send("POST /accept HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if resp, _ := c.answer("POST"); resp.StatusCode != 100 {
		t.Fatalf("answered %d, want 100", resp.StatusCode)
	}
	c.send("body")
	if resp, body := c.answer("POST"); resp.StatusCode != 200 || body != "body" {
		t.Fatalf("answered %d %q", resp.StatusCode, body)
	}
	c = dialRaw(t, p)
	c.send("POST /refuse HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if resp, _ := c.answer("POST"); resp.StatusCode != 417 {
		t.Fatalf("answered %d, want 417", resp.StatusCode)
	}
}

// TestStreamsBothWays: the answer begins before the request's body ends, and
// each piece goes through as it comes, with a length, in chunks, and over HTTP/2.
func TestStreamsBothWays(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.WriteHeader(200)
		rc.Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			rc.Flush()
			if err != nil {
				return
			}
		}
	}
	h2url, _ := h2cService(t, echo)
	for name, up := range map[string]string{"HTTP/1.1": service(t, echo).URL, "HTTP/2": h2url} {
		for _, framing := range []string{"Content-Length: 30", "Transfer-Encoding: chunked"} {
			t.Run(name+" "+framing, func(t *testing.T) {
				p := start(t, simple, up, Options{})
				c := dialRaw(t, p)
				c.send("POST / HTTP/1.1\r\nHost: h\r\n" + framing + "\r\n\r\n")
				resp, err := http.ReadResponse(c.br, &http.Request{Method: "POST"})
				if err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 10)
				for i := range 3 {
					piece := strings.Repeat(string(rune('a'+i)), 10)
					if strings.HasPrefix(framing, "T") {
						c.send("a\r\n" + piece + "\r\n")
					} else {
						c.send(piece)
					}
					if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != piece {
						t.Fatalf("piece %d: %q, %v", i, buf, err)
					}
				}
				if strings.HasPrefix(framing, "T") {
					c.send("0\r\n\r\n")
				}
				if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
					t.Fatalf("rest %q, %v", rest, err)
				}
			})
		}
	}
}

// TestClientLeaves: a client that goes cancels its request upstream, whatever
// the protocols.
func TestClientLeaves(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			arrived, canceled := make(chan struct{}), make(chan struct{})
			h := func(_ http.ResponseWriter, r *http.Request) {
				close(arrived)
				<-r.Context().Done()
				close(canceled)
			}
			up := service(t, h).URL
			if protocol == "HTTP/2" {
				up, _ = h2cService(t, h)
			}
			p := start(t, simple, up, Options{})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				req, _ := http.NewRequestWithContext(ctx, "GET", p.url, nil)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					resp.Body.Close()
				}
			})
			<-arrived
			cancel()
			<-canceled
			wg.Wait()
			if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 0 {
				t.Errorf("the upstream was blamed: %s", e.LastError)
			}
		})
	}
}

// TestGRPCAnswers: a gRPC client gets Levee's own answers as gRPC statuses.
func TestGRPCAnswers(t *testing.T) {
	p := start(t, strings.Replace(simple, "{name: all,", "{name: all, match: {pathPrefix: /known},", 1), newCounting(t).url, Options{})
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	req, _ := http.NewRequest("POST", p.url+"/unknown.Service/Method", strings.NewReader(""))
	req.Header.Set("Content-Type", "application/grpc+proto")
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "12" || resp.Header.Get("Content-Type") != "application/grpc" {
		t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
	}
	if !strings.HasPrefix(resp.Header.Get("Proxy-Status"), "levee; error=destination_not_found") {
		t.Errorf("Proxy-Status %q", resp.Header.Get("Proxy-Status"))
	}
}

// TestEarlyAnswerEndsTheBody: an upstream that answers without taking the body
// leaves the transport reading it when the exchange is over. Over HTTP/2 the
// server's response writer is gone by then; touching it once ended the process.
func TestEarlyAnswerEndsTheBody(t *testing.T) {
	h2url, _ := h2cService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	p := start(t, simple, h2url, Options{})
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	for range 200 {
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", p.url, pr)
		go func() {
			for range 100 {
				if _, err := pw.Write(make([]byte, 100)); err != nil {
					return
				}
			}
			pw.Close()
		}()
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		pr.Close()
		if resp.StatusCode != http.StatusTeapot {
			t.Fatalf("answered %d", resp.StatusCode)
		}
	}
}
