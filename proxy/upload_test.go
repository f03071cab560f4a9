package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// upload begins a request whose body is yet to come.
func (v *virtual) upload(path string, length int) *asked {
	q := &asked{t: v.t, conn: v.connect(), done: make(chan struct{})}
	q.br = bufio.NewReader(q.conn)
	fmt.Fprintf(q.conn, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, length)
	go func() {
		defer close(q.done)
		q.resp, q.err = http.ReadResponse(q.br, nil)
	}()
	synctest.Wait()
	return q
}

// trickle sends a byte every 100 ms.
func (q *asked) trickle(n int) {
	for range n {
		io.WriteString(q.conn, "x")
		takes(100 * time.Millisecond)
	}
}

// TestSlowUploadsGiveWay: a client that sends slowly holds a permit for as
// long as nobody else needs it, and for a second otherwise.
func TestSlowUploadsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 2, queue: {length: 0}}", ", responseTimeout: 0s", ""))
		q := a.upload("/read", 40)
		q.trickle(15)
		a.want(1, 0, 0) // nobody needs it
		other := a.ask("/hold")
		if s := a.ask("/").status(); s != 503 {
			t.Errorf("at the limit: %d", s)
		}
		q.trickle(5)
		a.want(1, 0, 1)
		if s := a.ask("/").status(); s != 200 {
			t.Errorf("the upload still holds its permit: %d", s)
		}
		q.trickle(20)
		if s := q.status(); s != 200 {
			t.Errorf("the upload was answered %d", s)
		}
		a.release <- struct{}{}
		if s := other.status(); s != 200 {
			t.Error(s)
		}
		a.want(0, 0, 0)
	})
}

// TestSlowUploadsGiveWayOnARetryToo: that the permit of the attempt before was
// given up says nothing of the next one's.
func TestSlowUploadsGiveWayOnARetryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2, ", responseTimeout: 0s", ", concurrency: {mode: fixed, limit: 1, queue: {length: 0}}, retry: {attempts: 1}")
		s.early = after(2500*time.Millisecond, func(w http.ResponseWriter, _ *http.Request) {
			http.NewResponseController(w).EnableFullDuplex()
			w.WriteHeader(503)
		})
		c := s.connect()
		io.WriteString(c, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n")
		for i := range 60 {
			io.WriteString(c, "x")
			takes(100 * time.Millisecond)
			if i != 50 {
				continue
			}
			streams, free := int64(0), 0.0
			for _, e := range s.upstream().endpoints {
				streams += e.streams.Load()
				free += float64(e.limiter.Free(time.Now()))
			}
			if streams != 1 || free != 2 {
				t.Errorf("%d streams and %v free permits, want 1 and 2", streams, free)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 || resp.Header.Get("Proxy-Status") != "" {
			t.Errorf("answered %v, %v", resp, err)
		}
		c.Close()
		s.quiet()
	})
}

// TestUploadsThatTheServiceKeepsWaiting hold their permits: the service is
// what is slow, and it must not get more to do.
func TestUploadsThatTheServiceKeepsWaiting(t *testing.T) {
	for _, test := range []struct {
		name, path string
		bytes      int
		slowly     int // bytes that come late
	}{
		{"it takes nothing", "/hold", 1 << 20, 0},
		{"it has taken all", "/hold", 10, 0},
		{"it works since a slow client is done", "/readhold", 8, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1}", ", responseTimeout: 0s", ""))
				q := a.upload(test.path, test.bytes)
				q.trickle(test.slowly)
				go io.WriteString(q.conn, strings.Repeat("x", test.bytes-test.slowly))
				takes(5 * time.Second)
				a.want(1, 0, 0)
				a.release <- struct{}{}
				if s := q.status(); s != 200 {
					t.Error(s)
				}
				q.conn.Close()
				takes(time.Second) // net/http lets unread bodies linger
				a.want(0, 0, 0)
			})
		})
	}
}

// TestSlowUploadsBlameNobody: a deadline that passes while the client's body is
// waited for is no fault of the endpoint's.
func TestSlowUploadsBlameNobody(t *testing.T) {
	for _, test := range []struct {
		route  string
		status int
	}{
		{", timeout: 500ms", 504},
		{", responseTimeout: 500ms", 408},
	} {
		t.Run(test.route, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: adaptive}", test.route, ""))
				q := a.upload("/read", 10)
				io.WriteString(q.conn, "x")
				takes(time.Second)
				if s := q.status(); s != test.status {
					t.Errorf("answered %d %v", s, q.resp.Header)
				}
				if sheds := a.endpoint().limiter.Status(time.Now()).Sheds; q.shed() != "" || len(sheds) > 0 {
					t.Errorf("shed %q, %v", q.shed(), sheds)
				}
				if n := a.endpoint().failures.Load(); n != 0 {
					t.Errorf("the endpoint is blamed for %d", n)
				}
				a.want(0, 0, 0)
			})
		})
	}
}

// TestUploadsTeachNothingWrong: what the limiter learns of latency is the
// service's, whatever the client does while it sends.
func TestUploadsTeachNothingWrong(t *testing.T) {
	for _, test := range []struct {
		name string
		ends func(*arena, *asked)
	}{
		{"answered before the body's end", func(a *arena, q *asked) {
			q.trickle(2)
			if s := q.status(); s != 200 {
				a.t.Error(s, q.resp.Header)
			}
		}},
		{"left while it sent", func(a *arena, q *asked) { q.trickle(9); q.conn.Close() }},
		{"left after it had sent", func(a *arena, q *asked) { q.trickle(10); q.leave() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: adaptive}", "", ""))
				for range 100 {
					a.ask("/slow").status()
				}
				for range 20 {
					path := "/readhold"
					if strings.HasPrefix(test.name, "answered") {
						path = "/early"
					}
					q := a.upload(path, 10)
					test.ends(a, q)
					q.conn.Close()
					takes(time.Second)
				}
				s := a.endpoint().limiter.Status(time.Now())
				if got := s.Baselines[0]; got < 19*time.Millisecond || got > 21*time.Millisecond {
					t.Errorf("the baseline is %v", got)
				}
				a.want(0, 0, 0)
			})
		})
	}
}
