package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// testDeadline bounds what a test waits for on a real socket; only a bug makes it pass.
const testDeadline = 20 * time.Second

// rawUpstream accepts connections on loopback and gives each to handle, with
// its number from 1. It shows the proxy what no sound HTTP server would.
func rawUpstream(t *testing.T, handle func(c net.Conn, n int)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(testDeadline))
				handle(c, n)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String()
}

// readRequest reads one request's header, and its body.
func readRequest(br *bufio.Reader) (*http.Request, error) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return r, err
}

// says is a raw upstream that reads a request and writes text on each
// connection, then leaves it open until the proxy closes it.
func says(t *testing.T, text string) (url string) {
	return rawUpstream(t, func(c net.Conn, _ int) {
		if _, err := readRequest(bufio.NewReader(c)); err != nil {
			return
		}
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	})
}

// h2cService starts an upstream over HTTP/2 without TLS.
func h2cService(t *testing.T, h http.HandlerFunc) (url string, server *httptest.Server) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	s.Config.Protocols = p
	s.Start()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "h2c://", 1), s
}

// raw sends bytes to the proxy as they are and reads the answer's bytes until
// the proxy closes, or the answer with that many bytes of body is complete.
type raw struct {
	t *testing.T
	net.Conn
	br *bufio.Reader
}

func dialRaw(t *testing.T, p *running) *raw {
	t.Helper()
	c, err := net.Dial("tcp", p.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(testDeadline))
	return &raw{t, c, bufio.NewReader(c)}
}

func (r *raw) send(s string) {
	r.t.Helper()
	if _, err := io.WriteString(r.Conn, s); err != nil {
		r.t.Fatalf("sending: %v", err)
	}
}

// answer reads one answer to a request of the given method.
func (r *raw) answer(method string) (*http.Response, string) {
	r.t.Helper()
	resp, err := http.ReadResponse(r.br, &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("reading an answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("reading an answer's body: %v", err)
	}
	return resp, string(body)
}

// closed asserts that the proxy has closed the connection.
func (r *raw) closed() {
	r.t.Helper()
	if n, err := r.br.Read(make([]byte, 1)); n != 0 || err == nil {
		r.t.Fatalf("the connection is still open: %d bytes, %v", n, err)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		r.t.Fatal("the connection is still open")
	}
}

// wantAnswer asserts the status and error type of an answer of Levee's own.
func wantAnswer(t *testing.T, resp *http.Response, status int, kind errorType) {
	t.Helper()
	ps := resp.Header.Get("Proxy-Status")
	if resp.StatusCode != status || !strings.HasPrefix(ps, "levee; error="+string(kind)) {
		t.Fatalf("answered %d with Proxy-Status %q, want %d with error=%s", resp.StatusCode, ps, status, kind)
	}
}

// eventually polls a condition that another process or goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(testDeadline)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
