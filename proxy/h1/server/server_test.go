package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// serve runs a server on a loopback port until the test ends.
func serve(t testing.TB, cfg Config) (s *Server, address string) {
	t.Helper()
	if cfg.Limits.HeadBytes == 0 {
		cfg.Limits = h1.Limits{HeadBytes: 32 << 10, Fields: 100}
	}
	s = New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go s.Serve(nc)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		s.Close()
		if err := s.Shutdown(context.Background()); err != nil { // waits for all to have ended
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

// client is one raw connection.
type client struct {
	t testing.TB
	*net.TCPConn
	br *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second)) // a test that hangs fails
	return &client{t, nc.(*net.TCPConn), bufio.NewReader(nc)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads an answer: its status line and fields of interest, and its body.
func (c *client) answer(method string) (resp *http.Response, body string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.br, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		body = "; " + err.Error()
	}
	return resp, string(b) + body
}

// rest reads to the connection's end.
func (c *client) rest() string {
	b, err := io.ReadAll(c.br)
	if err != nil {
		return string(b) + "; " + errors.Unwrap(err).Error()
	}
	return string(b)
}

// told is an answer in a line: status, framing, what becomes of the connection, body.
func told(resp *http.Response, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", resp.Proto, resp.StatusCode)
	switch {
	case len(resp.TransferEncoding) > 0:
		b.WriteString(" chunked")
	case resp.Header["Content-Length"] != nil:
		b.WriteString(" length")
	}
	if v := resp.Header["Connection"]; v != nil {
		b.WriteString(" " + strings.Join(v, ","))
	} else if resp.Close {
		b.WriteString(" close") // http.ReadResponse takes the field away
	}
	if len(resp.Trailer) > 0 {
		fmt.Fprintf(&b, " %v", resp.Trailer)
	}
	return b.String() + " " + body
}

// behave is a handler that does as the path says.
func behave(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	switch r.URL.Path {
	case "/echo":
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "bad body", 400)
			return
		}
		fmt.Fprintf(w, "%s %s %v", r.Method, b, r.Trailer)
	case "/none":
	case "/204":
		w.WriteHeader(204)
	case "/304":
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Content-Type", "a/b")
		w.WriteHeader(304)
	case "/flush":
		io.WriteString(w, "one ")
		rc.Flush()
		io.WriteString(w, "two")
	case "/large":
		b := strings.Repeat("x", 3000)
		io.WriteString(w, b)
		io.WriteString(w, b)
	case "/length":
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
		if n, err := io.WriteString(w, "more"); n != 0 || err != http.ErrContentLength {
			panic(err)
		}
	case "/short":
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "he")
	case "/cut":
		io.WriteString(w, "part")
		rc.Flush()
		panic(http.ErrAbortHandler)
	case "/panic":
		panic("a handler's fault")
	case "/early":
		w.Header().Set("Link", "</x>")
		w.WriteHeader(103)
		w.Header().Del("Link")
		io.WriteString(w, "late")
	case "/trailers":
		w.Header().Set("Trailer", "X-Told")
		io.WriteString(w, "body")
		w.Header().Set("X-Told", "a")
		w.Header().Set(http.TrailerPrefix+"X-Untold", "b")
	case "/close":
		w.Header().Set("Connection", "close")
	case "/split":
		w.Header().Set("X-A", "b\r\nX-Evil: c")
		w.Header()["X-\nBad"] = []string{"d"}
	case "/hijack":
		nc, rw, err := rc.Hijack()
		if err != nil {
			panic(err)
		}
		defer nc.Close()
		early := make([]byte, rw.Reader.Buffered())
		io.ReadFull(rw, early)
		rest, _ := io.ReadAll(rw)
		fmt.Fprintf(rw, "early %q rest %q", early, rest)
		rw.Flush()
		if _, err := w.Write([]byte("x")); err != http.ErrHijacked {
			panic(err)
		}
	default:
		http.NotFound(w, r)
	}
}

const host = " HTTP/1.1\r\nHost: h\r\n"

// TestAnswers: what a connection with some requests on it gets.
func TestAnswers(t *testing.T) {
	_, address := serve(t, Config{Handler: http.HandlerFunc(behave), Header: time.Minute, Idle: time.Minute})
	for _, test := range []struct {
		name, request string
		want          []string
		rest          string // of the connection, after the client has ended its side
	}{
		{"simple", "GET /echo" + host + "\r\n", []string{"HTTP/1.1 200 length GET  map[]"}, ""},
		{"one behind the other", strings.Repeat("GET /echo"+host+"\r\n", 3), []string{"HTTP/1.1 200 length GET  map[]", "HTTP/1.1 200 length GET  map[]", "HTTP/1.1 200 length GET  map[]"}, ""},
		{"nothing written", "GET /none" + host + "\r\n", []string{"HTTP/1.1 200 length "}, ""},
		{"HEAD", "HEAD /length" + host + "\r\nHEAD /echo" + host + "\r\n", []string{"HTTP/1.1 200 length ", "HTTP/1.1 200 length "}, ""},
		{"HEAD, flushed", "HEAD /flush" + host + "\r\n", []string{"HTTP/1.1 200 "}, ""},
		{"204, 304", "GET /204" + host + "\r\nGET /304" + host + "\r\n", []string{"HTTP/1.1 204 ", "HTTP/1.1 304 "}, ""},
		{"flushed", "GET /flush" + host + "\r\n", []string{"HTTP/1.1 200 chunked one two"}, ""},
		{"large", "GET /large" + host + "\r\n", []string{"HTTP/1.1 200 chunked " + strings.Repeat("x", 6000)}, ""},
		{"flushed, to HTTP/1.0", "GET /flush HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", []string{"HTTP/1.0 200 close one two"}, ""},
		{"HTTP/1.0", "GET /echo HTTP/1.0\r\n\r\nGET", []string{"HTTP/1.0 200 length close GET  map[]"}, ""},
		{"HTTP/1.0, kept", "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /echo HTTP/1.0\r\n\r\n", []string{"HTTP/1.0 200 length keep-alive GET  map[]", "HTTP/1.0 200 length close GET  map[]"}, ""},
		{"asked to close", "GET /echo" + host + "Connection: close\r\n\r\nGET", []string{"HTTP/1.1 200 length close GET  map[]"}, ""},
		{"told to close", "GET /close" + host + "\r\nGET", []string{"HTTP/1.1 200 length close "}, ""},
		{"length held to", "GET /length" + host + "\r\n", []string{"HTTP/1.1 200 length hello"}, ""},
		{"length not reached", "GET /short" + host + "\r\n", []string{"HTTP/1.1 200 length he; unexpected EOF"}, ""},
		{"cut", "GET /cut" + host + "\r\n", []string{"HTTP/1.1 200 chunked part; unexpected EOF"}, ""},
		{"early hints", "GET /early" + host + "\r\n", []string{"HTTP/1.1 103 ", "HTTP/1.1 200 length late"}, ""},
		{"no early hints to HTTP/1.0", "GET /early HTTP/1.0\r\n\r\n", []string{"HTTP/1.0 200 length close late"}, ""},
		{"trailers", "GET /trailers" + host + "\r\n", []string{"HTTP/1.1 200 chunked map[X-Told:[a] X-Untold:[b]] body"}, ""},
		{"a body", "POST /echo" + host + "Content-Length: 2\r\n\r\nhiGET /none" + host + "\r\n", []string{"HTTP/1.1 200 length POST hi map[]", "HTTP/1.1 200 length "}, ""},
		{"chunks and trailers", "POST /echo" + host + "Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nhi\r\n3\r\n yo\r\n0\r\nX-A: b\r\n\r\nGET /none" + host + "\r\n", []string{"HTTP/1.1 200 length POST hi yo map[X-A:[b]]", "HTTP/1.1 200 length "}, ""},
		{"a body that isn't read", "POST /none" + host + "Content-Length: 2\r\n\r\nhiGET /echo" + host + "\r\n", []string{"HTTP/1.1 200 length ", "HTTP/1.1 200 length GET  map[]"}, ""},
		{"a large body that isn't read", "POST /none" + host + "Content-Length: 300000\r\n\r\nhi", []string{"HTTP/1.1 200 length close "}, ""},
		{"a body that ends too early", "POST /echo" + host + "Content-Length: 5\r\n\r\nhi", []string{"HTTP/1.1 400 length close bad body\n"}, ""},
		{"a bad chunk", "POST /echo" + host + "Transfer-Encoding: chunked\r\n\r\nx\r\n", []string{"HTTP/1.1 400 length close bad body\n"}, ""},
		{"expecting, and the body read", "POST /echo" + host + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", []string{"HTTP/1.1 100 ", "HTTP/1.1 200 length POST hi map[]"}, ""},
		{"expecting, and not", "POST /none" + host + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nGET /none" + host + "\r\n", []string{"HTTP/1.1 200 length close "}, ""},
		{"CRLF behind a POST", "POST /echo" + host + "Content-Length: 2\r\n\r\nhi\r\nGET /none" + host + "\r\n", []string{"HTTP/1.1 200 length POST hi map[]", "HTTP/1.1 200 length "}, ""},
		{"hijacked", "GET /hijack" + host + "\r\nleft over", nil, `early "left over" rest ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, pause := range []int{0, 1} { // bytes one by one need no other answers
				c := dial(t, address)
				if pause == 0 {
					c.send(test.request)
				} else if test.name == "hijacked" {
					continue
				} else {
					for i := range len(test.request) {
						if _, err := c.Write([]byte(test.request[i : i+1])); err != nil {
							break // it has heard enough
						}
					}
				}
				c.CloseWrite()
				method, _, _ := strings.Cut(test.request, " ")
				for i, want := range test.want {
					if got := told(c.answer(method)); got != want {
						t.Fatalf("%d. %q, want %q", i+1, got, want)
					}
				}
				if got := c.rest(); got != test.rest && !strings.HasSuffix(got, "reset by peer") { // with bytes that nobody reads
					t.Errorf("then %q", got)
				}
			}
		})
	}
}

// TestRefusals: what isn't sound gets an answer that says why, and no other one.
func TestRefusals(t *testing.T) {
	heard := make(chan string, 10)
	_, address := serve(t, Config{
		Handler: http.HandlerFunc(behave), Header: time.Minute, Limits: h1.Limits{HeadBytes: 1000, Fields: 5},
		Refused: func(_ net.Conn, status int, why string) []byte {
			heard <- why
			return []byte("X-By: us\r\n")
		},
	})
	for _, test := range []struct {
		request string
		status  int
		why     string
	}{
		{"GET / HTTP/1.1\nHost: h\n\n", 400, "a line that doesn't end in CRLF (RFC 9112, section 2.2)"},
		{"GET /" + host + "X: a\r\n b\r\n\r\n", 400, "a folded field line (RFC 9112, section 5.2)"},
		{"GET / HTTP/1.1\r\n\r\n", 400, "no Host (RFC 9112, section 3.2)"},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "not HTTP/1.0 or HTTP/1.1 (RFC 9110, section 15.6.6)"},
		{"GET /" + host + strings.Repeat("X: y\r\n", 5) + "\r\n", 431, "too many header fields (RFC 6585, section 5)"},
		{"GET /" + host + "X: " + strings.Repeat("y", 1000) + "\r\n\r\n", 431, "the header is too large (RFC 6585, section 5)"},
		{"GET /" + host + "Content-Length: 1\r\nExpect: tea\r\n\r\nx", 417, "an unknown expectation (RFC 9110, section 10.1.1)"},
		{"GET /" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "Content-Length together with Transfer-Encoding (RFC 9112, section 6.1)"},
		{"GET foo" + host + "\r\n", 400, "no sound target (RFC 9112, section 3.2)"},
		{"\x16\x03\x01\x02\x00\x01\x00\n", 400, "a line that doesn't end in CRLF (RFC 9112, section 2.2)"},
	} {
		c := dial(t, address)
		c.send(test.request + "GET /echo" + host + "\r\n")
		resp, body := c.answer("GET")
		if resp.StatusCode != test.status || resp.Header.Get("X-By") != "us" || !strings.HasSuffix(body, ": "+test.why+"\n") {
			t.Errorf("%q: %d %v %q", test.request, resp.StatusCode, resp.Header, body)
		}
		if got := c.rest(); got != "" && !strings.HasSuffix(got, "reset by peer") {
			t.Errorf("%q: then %q", test.request, got)
		}
		if got := <-heard; got != test.why || len(heard) > 0 {
			t.Errorf("%q: heard of %q and %d more", test.request, got, len(heard))
		}
	}
}

// TestHeaderSplitting: no handler can put a line into the header by a value or a name.
func TestHeaderSplitting(t *testing.T) {
	_, address := serve(t, Config{Handler: http.HandlerFunc(behave)})
	c := dial(t, address)
	c.send("GET /split" + host + "\r\n")
	resp, _ := c.answer("GET")
	if got := resp.Header.Get("X-A"); got != "b  X-Evil: c" || resp.Header.Get("X-Evil") != "" || len(resp.Header) != 3 {
		t.Errorf("%v", resp.Header)
	}
}

// TestPanics: a handler's panic ends its connection, is told once, and nobody else's.
func TestPanics(t *testing.T) {
	lines := make(chan string, 10)
	_, address := serve(t, Config{Handler: http.HandlerFunc(behave), ErrorLog: logTo(lines)})
	other := dial(t, address)
	c := dial(t, address)
	c.send("GET /panic" + host + "\r\n")
	if got := c.rest(); got != "" {
		t.Errorf("%q", got)
	}
	if line := <-lines; !strings.Contains(line, "a handler's fault") || !strings.Contains(line, "server_test.go") {
		t.Errorf("%q", line)
	}
	c = dial(t, address)
	c.send("GET /cut" + host + "\r\n")
	c.rest()
	other.send("GET /echo" + host + "\r\n")
	if got := told(other.answer("GET")); got != "HTTP/1.1 200 length GET  map[]" {
		t.Error(got)
	}
	if len(lines) > 0 {
		t.Errorf("also %q", <-lines)
	}
}
