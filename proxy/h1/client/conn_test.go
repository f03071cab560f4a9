package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

var limits = &h1.Limits{HeadBytes: 64 << 10}

// pair is a Conn and the upstream at its other end.
func pair(t *testing.T) (*Conn, *upstream) {
	t.Helper()
	ours, theirs := net.Pipe()
	counted := &counting{Conn: ours}
	u := &upstream{t: t, Conn: theirs, br: bufio.NewReader(theirs), client: counted}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return New(counted, limits), u
}

// counting counts what is written.
type counting struct {
	net.Conn
	writes atomic.Int32
	closed atomic.Bool
}

func (c *counting) Write(p []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(p) }
func (c *counting) Close() error                { c.closed.Store(true); return c.Conn.Close() }

// upstream plays the server's part by hand.
type upstream struct {
	net.Conn
	t      *testing.T
	br     *bufio.Reader
	client *counting
}

// bubble is a test on time that is made up: on a busy machine, the end of a
// request's body may be noted later than a connection waits for it.
func bubble(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// request reads a request's head.
func (u *upstream) request() *http.Request {
	r, err := http.ReadRequest(u.br)
	if err != nil {
		u.t.Errorf("no request came: %v", err)
		return &http.Request{Body: http.NoBody}
	}
	return r
}

func (u *upstream) says(text string) { io.WriteString(u, text) }

// answers takes a request whole, and says something.
func (u *upstream) answers(text string) {
	io.Copy(io.Discard, u.request().Body)
	u.says(text)
}

func request(method, target string, body io.Reader, length int64) *http.Request {
	u, _ := url.ParseRequestURI(target)
	r := &http.Request{Method: method, URL: u, Host: "h", Header: http.Header{}, ContentLength: length}
	if body != nil {
		r.Body = io.NopCloser(body)
	}
	return r
}

func get() *http.Request { return request("GET", "/", nil, 0) }

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// read reads a response's body.
func read(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return string(b)
}

// whole is a body that is there already.
type whole struct{ *strings.Reader }

func (w whole) Ready() int   { return w.Len() }
func (w whole) Close() error { return nil }

// TestConnIsReused sends requests of each kind one after the other, on time that is
// made up: see bubble.
func TestConnIsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, u := pair(t)
		go func() {
			for range 100 {
				u.answers(ok)
				u.answers("HTTP/1.1 204 No Content\r\n\r\n")
				u.answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
				u.answers("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
			}
		}()
		for range 100 {
			for _, req := range []*http.Request{
				get(),
				request("POST", "/", whole{strings.NewReader("there")}, 5),
				request("POST", "/", strings.NewReader("to be waited for"), -1),
				request("HEAD", "/", nil, 0),
			} {
				resp, err := c.RoundTrip(t.Context(), req, nil)
				body := read(t, resp, err)
				if want := map[bool]string{true: "ok"}[resp.StatusCode == 200 && req.Method != "HEAD"]; body != want {
					t.Fatalf("%s answered %q", req.Method, body)
				}
				if !c.Reusable() {
					t.Fatalf("not reusable after %s", req.Method)
				}
				if c.reader.Peek() != nil {
					t.Fatal("an idle connection holds a buffer")
				}
			}
		}
	})
}

// TestUnfit are the ends of a response after which no other request may follow.
func TestUnfit(t *testing.T) {
	for name, answer := range map[string]string{
		"left over":                  ok + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
		"left over behind no body":   "HTTP/1.1 304 Not Modified\r\n\r\nx",
		"left over behind chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n",
		"close":                      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":                   "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"204 with a length":          "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
		"an empty one with more":     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
		"the body isn't read at all": "",
	} {
		t.Run(name, func(t *testing.T) {
			c, u := pair(t)
			unread := answer == ""
			if unread {
				answer = ok
			}
			go u.answers(answer)
			resp, err := c.RoundTrip(t.Context(), get(), nil)
			if unread && err == nil {
				resp.Body.Close()
			} else {
				read(t, resp, err)
			}
			if c.Reusable() || !u.client.closed.Load() {
				t.Error("the connection may be used again")
			}
			if _, err := c.RoundTrip(t.Context(), get(), nil); err == nil {
				t.Error("and was")
			}
		})
	}
}

// TestFailures: what is no answer is an error, and the connection is closed.
func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		want   error
	}{
		"an end":              {"", io.EOF},
		"an end in the head":  {"HTTP/1.1 200 OK\r\nContent-", io.ErrUnexpectedEOF},
		"garbage":             {"220 smtp.example\r\n", nil},
		"both framings":       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", nil},
		"a large head":        {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", h1.ErrHeadTooLarge},
		"nine interim":        {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), ErrInterim},
		"an end after a hint": {"HTTP/1.1 103 Early Hints\r\n\r\n", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			c, u := pair(t)
			go func() { u.answers(tc.answer); u.Close() }()
			_, err := c.RoundTrip(t.Context(), get(), nil)
			if _, grammar := errors.AsType[*h1.Error](err); tc.want != nil && err != tc.want || tc.want == nil && !grammar {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if !u.client.closed.Load() {
				t.Error("the connection is open")
			}
		})
	}
}

// TestCutInMidBody: a part is never taken for the whole.
func TestCutInMidBody(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
	} {
		c, u := pair(t)
		go func() { u.answers(answer); u.Close() }()
		resp, err := c.RoundTrip(t.Context(), get(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "part" {
			t.Errorf("took %q for the whole", body)
		}
		resp.Body.Close()
		if c.Reusable() || !u.client.closed.Load() {
			t.Error("the connection may be used again")
		}
	}
}

// hints notes interim answers.
type hints struct {
	seen []string
	err  error
}

func (h *hints) Interim(status int, header http.Header) error {
	h.seen = append(h.seen, fmt.Sprint(status, header.Get("Link")))
	return h.err
}

func TestInterim(t *testing.T) {
	c, u := pair(t)
	go u.answers("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok)
	var seen hints
	resp, err := c.RoundTrip(t.Context(), get(), &seen)
	if read(t, resp, err); fmt.Sprint(seen.seen) != "[100 103</a>]" {
		t.Errorf("heard of %q", seen.seen)
	}
	if resp.Header.Get("Link") != "" {
		t.Error("a hint became the answer's")
	}
	seen.err = errors.New("enough")
	go u.answers("HTTP/1.1 103 Early Hints\r\n\r\n" + ok)
	if _, err := c.RoundTrip(t.Context(), get(), &seen); err != seen.err {
		t.Errorf("got %v, want the observer's error", err)
	}
}

// TestTrailers come and go.
func TestTrailers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, u := pair(t)
		var got http.Header
		go func() {
			r := u.request()
			io.Copy(io.Discard, r.Body)
			got = r.Trailer
			u.says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n")
		}()
		req := request("POST", "/", strings.NewReader("body"), -1)
		req.Trailer = http.Header{"X-Sum": {"4"}}
		resp, err := c.RoundTrip(t.Context(), req, nil)
		if err != nil || len(resp.Trailer) != 1 {
			t.Fatalf("announced are %v, %v", resp.Trailer, err)
		}
		read(t, resp, nil)
		if resp.Trailer.Get("X-A") != "1" || resp.Trailer.Get("X-B") != "2" || got.Get("X-Sum") != "4" {
			t.Errorf("the answer's are %v, the request's %v", resp.Trailer, got)
		}
		if !c.Reusable() {
			t.Error("not reusable after trailers")
		}
	})
}

// TestTunnel: behind a 101 the connection is the caller's, with what came along.
func TestTunnel(t *testing.T) {
	c, u := pair(t)
	go func() {
		u.request()
		u.says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
		io.Copy(u, u.br)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.RoundTrip(ctx, get(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // it is no concern of a tunnel's
	rw := resp.Body.(io.ReadWriteCloser)
	go io.WriteString(rw, "second")
	b := make([]byte, len("firstsecond"))
	if _, err := io.ReadFull(rw, b); err != nil || string(b) != "firstsecond" {
		t.Errorf("read %q, %v", b, err)
	}
	if c.Reusable() {
		t.Error("a tunnel may be used for a request")
	}
}

// TestCancel ends the context while each of the parts waits.
func TestCancel(t *testing.T) {
	late := errors.New("too late")
	for name, play := range map[string]func(c *Conn, u *upstream, ctx context.Context) error{
		"writing the head": func(c *Conn, _ *upstream, ctx context.Context) error {
			_, err := c.RoundTrip(ctx, get(), nil)
			return err
		},
		"awaiting the answer": func(c *Conn, u *upstream, ctx context.Context) error {
			go u.request()
			_, err := c.RoundTrip(ctx, get(), nil)
			return err
		},
		"writing the body": func(c *Conn, u *upstream, ctx context.Context) error {
			go u.request()
			_, err := c.RoundTrip(ctx, request("POST", "/", strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20), nil)
			return err
		},
		"reading the body": func(c *Conn, u *upstream, ctx context.Context) error {
			go u.answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			resp, err := c.RoundTrip(ctx, get(), nil)
			if err != nil {
				return nil
			}
			_, err = io.ReadAll(resp.Body)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, u := pair(t)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, late)
				defer cancel()
				begun := time.Now()
				if err := play(c, u, ctx); err == nil {
					t.Error("it came to an end by itself")
				}
				if d := time.Since(begun); d != time.Minute {
					t.Errorf("it ended after %v", d)
				}
				if c.Reusable() || !u.client.closed.Load() {
					t.Error("the connection may be used again")
				}
				u.Close()
			})
		})
	}
}

// TestCancelBetween: a context that ends after its request has no part in the next.
func TestCancelBetween(t *testing.T) {
	c, u := pair(t)
	go func() { u.answers(ok); u.answers(ok) }()
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.RoundTrip(ctx, get(), nil)
	read(t, resp, err)
	reusable := c.Reusable()
	cancel()
	resp, err = c.RoundTrip(t.Context(), get(), nil)
	if body := read(t, resp, err); !reusable || body != "ok" {
		t.Errorf("reusable: %v; then %q", reusable, body)
	}
}

// TestOver: a context that has ended sends nothing.
func TestOver(t *testing.T) {
	c, u := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.RoundTrip(ctx, get(), nil); err == nil || u.client.writes.Load() > 0 {
		t.Errorf("%v, after %d writes", err, u.client.writes.Load())
	}
}

// TestRoundTripAllocations bounds what a request costs: the response in one
// piece, its header's three, the watch over the context.
func TestRoundTripAllocations(t *testing.T) {
	c, u := pair(t)
	text := []byte(ok)
	go func() {
		b := make([]byte, 4096)
		for {
			if _, err := u.Read(b); err != nil {
				return
			}
			u.Write(text)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := get()
	b := make([]byte, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		resp, err := c.RoundTrip(ctx, req, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(b); err != io.EOF {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !c.Reusable() {
			t.Fatal("not reusable")
		}
	})
	const most = 9 // net.Pipe's own among them
	t.Logf("%v allocations", allocs)
	if allocs > most {
		t.Errorf("%v allocations, want at most %d", allocs, most)
	}
}
