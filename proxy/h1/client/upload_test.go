package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWritten shows requests as they are written.
func TestWritten(t *testing.T) {
	trailer := request("POST", "/", strings.NewReader("hello"), -1)
	trailer.Trailer = http.Header{"X": {"y"}}
	query := get()
	query.URL.RawQuery = "a=1;b=2&c=%zz"
	force := get()
	force.URL.ForceQuery = true
	raw := request("GET", "/a%2fb", nil, 0)
	opaque := get()
	opaque.URL.Opaque = "/a|b"
	injected := get()
	injected.Header["X"] = []string{"a\r\nY: b"}
	framed := get()
	framed.Header = http.Header{"Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}, "Host": {"other"}, "User-Agent": nil}
	for name, tc := range map[string]struct {
		req  *http.Request
		want string
	}{
		"GET":                   {get(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
		"POST without a body":   {request("POST", "/", nil, 0), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
		"DELETE without a body": {request("DELETE", "/", nil, 0), "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n"},
		"a length":              {request("POST", "/", strings.NewReader("hello"), 5), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
		"chunks":                {request("POST", "/", strings.NewReader("hello"), -1), "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		"trailers":              {trailer, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"},
		"a query":               {query, "GET /?a=1;b=2&c=%zz HTTP/1.1\r\nHost: h\r\n\r\n"},
		"an empty query":        {force, "GET /? HTTP/1.1\r\nHost: h\r\n\r\n"},
		"an encoded path":       {raw, "GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n"},
		"an odd path":           {opaque, "GET /a|b HTTP/1.1\r\nHost: h\r\n\r\n"},
		"a value with a line":   {injected, "GET / HTTP/1.1\r\nHost: h\r\nX: a  Y: b\r\n\r\n"},
		"framing in the header": {framed, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			c, u := pair(t)
			got := make([]byte, len(tc.want))
			go func() {
				io.ReadFull(u, got)
				u.says(ok)
			}()
			resp, err := c.RoundTrip(t.Context(), tc.req, nil)
			if read(t, resp, err); string(got) != tc.want {
				t.Errorf("wrote\n%q, want\n%q", got, tc.want)
			}
			if !c.Reusable() {
				t.Error("not reusable")
			}
		}))
	}
}

// TestUnsendable: what HTTP/1.1 can't say is not written, nor mended.
func TestUnsendable(t *testing.T) {
	target := get()
	target.URL.RawQuery = "a b"
	fragment := get()
	fragment.URL.Opaque = "/#x"
	raw := get()
	raw.URL.RawQuery = "\xc3\xa9"
	method := get()
	method.Method = "GET /x HTTP/1.1\r\n"
	host := get()
	host.Host = "h\r\nX: y"
	user := get()
	user.Host = "u@h"
	for _, req := range []*http.Request{target, fragment, raw, method, host, user} {
		c, u := pair(t)
		_, err := c.RoundTrip(t.Context(), req, nil)
		if _, ok := errors.AsType[*Unsendable](err); !ok || u.client.writes.Load() > 0 {
			t.Errorf("%q %q: %v, after %d writes", req.Method, req.URL, err, u.client.writes.Load())
		}
	}
}

// TestOneWrite: a body that is there goes out with its head; one that isn't
// follows, and what is too large for one write isn't copied together.
func TestOneWrite(t *testing.T) {
	large := strings.Repeat("x", 64<<10)
	for name, tc := range map[string]struct {
		body   io.Reader
		length int64
		writes int32
	}{
		"none":        {nil, 0, 1},
		"there":       {whole{strings.NewReader("hello")}, 5, 1},
		"not there":   {strings.NewReader("hello"), 5, 2},
		"chunks":      {strings.NewReader("hello"), -1, 3},
		"large":       {whole{strings.NewReader(large)}, int64(len(large)), 3},
		"end at hand": {&endAtHand{strings.NewReader("hello")}, -1, 2},
	} {
		t.Run(name, bubble(func(t *testing.T) {
			c, u := pair(t)
			go u.answers(ok)
			req := request("POST", "/", nil, tc.length)
			if rc, ok := tc.body.(io.ReadCloser); ok {
				req.Body = rc
			} else if tc.body != nil {
				req.Body = io.NopCloser(tc.body)
			}
			resp, err := c.RoundTrip(t.Context(), req, nil)
			read(t, resp, err)
			if n := u.client.writes.Load(); n != tc.writes {
				t.Errorf("%d writes, want %d", n, tc.writes)
			}
			if !c.Reusable() {
				t.Error("not reusable")
			}
		}))
	}
}

// endAtHand gives its end with its last bytes.
type endAtHand struct{ *strings.Reader }

func (e *endAtHand) Read(p []byte) (int, error) {
	n, _ := e.Reader.Read(p)
	if e.Len() == 0 {
		return n, io.EOF
	}
	return n, nil
}

// TestEarlyAnswer: an answer may come before the request's body does. Both go on
// at once; without the rest of the body, the connection isn't used again.
func TestEarlyAnswer(t *testing.T) {
	c, u := pair(t)
	body, client := io.Pipe()
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		r := u.request()
		u.says("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
		b := make([]byte, 4)
		io.ReadFull(r.Body, b)
		u.says(string(b))
	}()
	resp, err := c.RoundTrip(t.Context(), request("POST", "/", body, -1), nil)
	if err != nil {
		t.Fatal(err)
	}
	go client.Write([]byte("ping")) // only now
	if got := read(t, resp, nil); got != "ping" {
		t.Errorf("read %q", got)
	}
	<-echoed
	if c.Reusable() {
		t.Error("reusable without the end of the request")
	}
	client.Close()
}

// TestExpect: the body follows a 100, or a second without one, and no other answer.
func TestExpect(t *testing.T) {
	for name, tc := range map[string]struct {
		interim string
		after   time.Duration
		final   string
		sent    bool
	}{
		"a 100":              {"HTTP/1.1 100 Continue\r\n\r\n", 0, ok, true},
		"a hint before":      {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 0, ok, true},
		"silence":            {"", time.Second, ok, true},
		"another answer":     {"", 0, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", false},
		"a 100 without need": {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 0, ok, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, u := pair(t)
				var body []byte
				begun := time.Now()
				go func() {
					r := u.request()
					u.says(tc.interim)
					if tc.sent {
						body, _ = io.ReadAll(r.Body)
						if d := time.Since(begun); d != tc.after {
							t.Errorf("the body came after %v, want %v", d, tc.after)
						}
					}
					u.says(tc.final)
				}()
				req := request("POST", "/", whole{strings.NewReader("hello")}, 5)
				req.Header["Expect"] = []string{"100-continue"}
				resp, err := c.RoundTrip(t.Context(), req, nil)
				read(t, resp, err)
				if tc.sent != (string(body) == "hello") {
					t.Errorf("the body is %q", body)
				}
				if c.Reusable() != tc.sent {
					t.Errorf("reusable: %v", !tc.sent)
				}
				c.Close()
			})
		})
	}
}

// broken is a body that fails behind some bytes.
type broken struct {
	first string
	err   error
}

func (b *broken) Read(p []byte) (int, error) {
	n := copy(p, b.first)
	b.first = b.first[n:]
	if n == 0 {
		return 0, b.err
	}
	return n, nil
}

// TestBodyFails: the upstream would wait for the rest for ever. The error is the
// body's, and the upstream sees no end.
func TestBodyFails(t *testing.T) {
	gone := errors.New("the client has gone")
	for name, tc := range map[string]struct {
		body   io.Reader
		length int64
		want   error
	}{
		"in chunks":     {&broken{"part", gone}, -1, gone},
		"with a length": {&broken{"part", gone}, 100, gone},
		"at once":       {&broken{"", gone}, 100, gone},
		"too short":     {strings.NewReader("part"), 100, io.ErrUnexpectedEOF},
		"too long":      {strings.NewReader("part"), 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, u := pair(t)
			seen := make(chan error, 1)
			go func() {
				_, err := io.ReadAll(u.request().Body)
				seen <- err
			}()
			_, err := c.RoundTrip(t.Context(), request("POST", "/", tc.body, tc.length), nil)
			if _, unsendable := errors.AsType[*Unsendable](err); !errors.Is(err, tc.want) && (tc.want != nil || !unsendable) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if err := <-seen; err == nil {
				t.Error("the upstream took a part for the whole")
			}
		})
	}
}

// TestRefusedBody: an upstream that answers and closes without having read the
// body has its answer heard.
func TestRefusedBody(t *testing.T) {
	c, u := pair(t)
	go func() {
		u.request()
		u.says("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		u.Close()
	}()
	resp, err := c.RoundTrip(t.Context(), request("POST", "/", bytes.NewReader(make([]byte, 1<<20)), 1<<20), nil)
	if body := read(t, resp, err); resp.StatusCode != 413 || body != "no" {
		t.Errorf("answered %d %q", resp.StatusCode, body)
	}
	if c.Reusable() {
		t.Error("reusable without the request's end")
	}
}
