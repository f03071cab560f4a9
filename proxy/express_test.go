package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
)

// express is the newest connection's.
func (a *arena) connectExpress() (*asked, *express) {
	a.t.Helper()
	ours, theirs := pipe()
	c := &clientConn{Conn: theirs, scheme: "http"}
	c.setPeer("192.0.2.1:1234")
	a.engine.handle(c)
	a.t.Cleanup(func() { ours.Close() })
	return &asked{t: a.t, conn: ours, br: bufio.NewReader(ours)}, c.express
}

// besideNetHTTP is for tests of how requests are told from one another below
// net/http. The lean engine has read them by then.
func besideNetHTTP(t *testing.T) {
	if onLean() {
		t.Skip("not with the lean engine")
	}
}

// exchange sends text and reads so many answers.
func (q *asked) exchange(text string, answers int) string {
	q.t.Helper()
	synctest.Wait() // or net/http may meet the request's first byte while it still waits for the last one's client to leave
	io.WriteString(q.conn, text)
	method, _, _ := strings.Cut(text, " ")
	var got []string
	for range answers {
		resp, err := http.ReadResponse(q.br, &http.Request{Method: method})
		if err != nil {
			return strings.Join(append(got, err.Error()), " ")
		}
		io.Copy(io.Discard, resp.Body)
		got = append(got, fmt.Sprint(resp.StatusCode))
	}
	return strings.Join(got, " ")
}

// TestExpress: what is simple and refused is answered before net/http; all
// else is net/http's, with the same answer.
func TestExpress(t *testing.T) {
	const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name, text, want string
		answers          int
		answered         uint64 // of the text's requests, without net/http
		after            uint64 // of plain ones that follow, of two
	}{
		{"simple", plain, "503", 1, 1, 2},
		{"HEAD", "HEAD /x HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n", "503", 1, 1, 2},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", 1, 0, 0},
		{"Host twice", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", "400", 1, 0, 0},
		{"Host that is none", "GET / HTTP/1.1\r\nHost: h<\r\n\r\n", "400", 1, 0, 0},
		{"userinfo", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "400", 1, 0, 0},
		{"absolute target", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "503", 1, 0, 2},
		{"absolute target without Host", "GET http://h/ HTTP/1.1\r\n\r\n", "400", 1, 0, 0},
		{"absolute target, Host that is none", "GET http://h/ HTTP/1.1\r\nHost: h<\r\n\r\n", "400", 1, 0, 0},
		{"control character in a field", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01b\r\n\r\n", "400", 1, 0, 0},
		{"no name", "GET / HTTP/1.1\r\nHost: h\r\na b: c\r\n\r\n", "400", 1, 0, 0},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", "400", 1, 0, 0},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "503", 1, 0, 0},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "503", 1, 0, 0},
		{"GET with a body", "GET / HTTP/1.1\r\nHost: h\r\ncontent-length: 2\r\n\r\nhi", "503", 1, 0, 0},
		{"two at once", plain + plain, "503 503", 2, 0, 0},
		{"closing", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "503", 1, 0, 0},
		{"TE", "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n", "503", 1, 0, 0},
		{"bare LF", "GET / HTTP/1.1\nHost: h\r\n\r\n", "503", 1, 0, 0},
		{"a route that nobody has", "GET / HTTP/1.1\r\nHost: other\r\n\r\n", "404", 1, 0, 2},
		{"a method that isn't served", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405", 1, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", ", match: {hosts: [h]}", ""))
				besideNetHTTP(t)
				a.ask("/hold")
				a.ask("/") // from now on requests are being refused
				q, e := a.connectExpress()
				q.exchange(plain, 1) // net/http takes a connection's first request apart
				if got := q.exchange(test.text, test.answers); got != test.want {
					t.Errorf("answered %s, want %s", got, test.want)
				}
				if e.answered != test.answered {
					t.Errorf("%d were answered without net/http, want %d", e.answered, test.answered)
				}
				before := e.answered
				q.exchange(plain, 1)
				q.exchange(plain, 1)
				if got := e.answered - before; got != test.after {
					t.Errorf("%d of those that follow were, want %d", got, test.after)
				}
				a.want(1, 0, 0)
				a.release <- struct{}{}
			})
		})
	}
}

// TestExpressGivesWay: who isn't refused goes the usual way, on a connection
// that was answered before; and so does everybody once nothing is refused.
func TestExpressGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", "", ""))
		a.ask("/hold")
		a.ask("/")
		q, e := a.connectExpress()
		q.exchange(plain, 1)
		e.answered = 0 // net/http takes the first apart
		for range 3 {
			if got := q.exchange(plain, 1); got != "503" {
				t.Fatal(got)
			}
		}
		a.release <- struct{}{}
		synctest.Wait()
		if got := q.exchange(plain, 1); got != "200" || e.answered != 3 {
			t.Errorf("%s, %d answered", got, e.answered)
		}
		a.ask("/hold")
		if got := q.exchange(plain, 1); got != "503" || e.answered != 4 {
			t.Errorf("%s, %d answered", got, e.answered)
		}
		takes(2 * shedLately)
		if got := q.exchange(plain, 1); got != "503" || e.answered != 4 {
			t.Errorf("after a pause: %s, %d answered", got, e.answered)
		}
		if n := a.proxy.inflight.Load(); n != 1 {
			t.Errorf("%d inflight", n)
		}
		a.release <- struct{}{}
	})
}

// TestExpressKeepsToTheStream: what looks like a request isn't one in the
// middle of another.
func TestExpressKeepsToTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", "", ""))
		besideNetHTTP(t)
		a.ask("/hold")
		a.ask("/")
		q, e := a.connectExpress()
		q.exchange(plain, 1)
		q.exchange(plain, 1)
		io.WriteString(q.conn, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\n")
		synctest.Wait()
		if got := q.exchange(plain, 1); got != "503" || e.answered != 1 {
			t.Errorf("its body was taken for a request: %s, %d answered", got, e.answered)
		}
		q, e = a.connectExpress()
		io.WriteString(q.conn, "GET /a HTTP/1.1\r\nX: ")
		synctest.Wait()
		if got := q.exchange(plain, 1); got != "503" || e.answered != 0 {
			t.Errorf("a field was taken for a request: %s, %d answered", got, e.answered)
		}
		a.release <- struct{}{}
	})
}

// TestExpressAfterAQuickClient: a request whose first byte net/http has met
// before its turn is net/http's, and those that follow are not.
func TestExpressAfterAQuickClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", ", responseTimeout: 0s", ""))
		besideNetHTTP(t)
		q, e := a.connectExpress()
		io.WriteString(q.conn, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
		synctest.Wait()
		io.WriteString(q.conn, plain) // while the first is being served
		synctest.Wait()
		a.release <- struct{}{}
		if got := q.exchange("", 2); got != "200 200" || e.answered != 0 {
			t.Errorf("%s, %d answered", got, e.answered)
		}
		a.ask("/hold")
		a.ask("/")
		for range 3 {
			if got := q.exchange(plain, 1); got != "503" {
				t.Error(got)
			}
		}
		if e.answered != 3 {
			t.Errorf("%d answered", e.answered)
		}
		a.release <- struct{}{}
	})
}

// TestExpressTimeouts: the listener's timeouts hold whoever answers.
func TestExpressTimeouts(t *testing.T) {
	const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name  string
		then  string // sent after some refusals
		least time.Duration
		most  time.Duration
	}{
		{"idle", "", 45 * time.Second, 60 * time.Second}, // a deadline is moved now and then
		{"a header that doesn't come", "GET / HT", 5 * time.Second, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", ", responseTimeout: 0s", ""))
				a.ask("/hold")
				a.ask("/")
				q, e := a.connectExpress()
				q.exchange(plain, 1)
				e.answered = 0
				for range 2000 { // for longer than a connection may be idle
					q.exchange(plain, 1)
					takes(90 * time.Millisecond)
				}
				if e.answered != 2000 {
					t.Fatalf("%d answered", e.answered)
				}
				begin := time.Now()
				io.WriteString(q.conn, test.then)
				_, _ = io.Copy(io.Discard, q.br)
				if d := time.Since(begin); d < test.least || d > test.most {
					t.Errorf("closed after %v", d)
				}
				a.release <- struct{}{}
			})
		})
	}
}

// FuzzWholeRequest: what is taken for a whole request is one to net/http too,
// to the last byte, and has no body.
func FuzzWholeRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD /x?y HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\n x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n\r\n", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !wholeRequest(b) {
			return
		}
		br := bufio.NewReaderSize(bytes.NewReader(b), len(b)+16)
		r, err := http.ReadRequest(br)
		if err != nil {
			return // and nothing is answered
		}
		if br.Buffered() > 0 || r.ContentLength != 0 || r.Body != http.NoBody || len(r.TransferEncoding) > 0 || r.Close {
			t.Errorf("%q: %d bytes are left, length %d, close %v", b, br.Buffered(), r.ContentLength, r.Close)
		}
	})
}

// TestExpressAfterTheQueue: refusals that come after a wait keep others'
// answers express too, and don't make the latest look older than it is.
func TestExpressAfterTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 1}}", ", timeout: 250ms", ""))
		q, e := a.connectExpress()
		q.exchange(plain, 1)
		a.ask("/body") // its answer has begun: it isn't bound by the deadline's refusal
		waiting := a.ask("/")
		<-waiting.done // overload
		if waiting.shed() != "overload" {
			t.Fatal(waiting.shed())
		}
		a.ask("/another") // no retry
		if got := q.exchange(plain, 1); got != "503" || e.answered != 1 {
			t.Errorf("%s, %d answered", got, e.answered)
		}
		a.release <- struct{}{}
	})
}

// TestRefusalsInTheAccessLog: whoever answers, the line says why.
func TestRefusalsInTheAccessLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}, streams: 1}", "", ""))
		var lines strings.Builder
		a.proxy.o.Access = telemetry.NewAccessLog(&lines, telemetry.FormatText, telemetry.ModeErrors)
		a.ask("/hold")
		q, e := a.connectExpress()
		q.exchange("GET /one HTTP/1.1\r\nHost: h\r\n\r\n", 1)
		q.exchange("GET /two HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\r\n", 1)
		if e.answered != 1 {
			t.Errorf("%d answered", e.answered)
		}
		a.release <- struct{}{}
		if err := a.proxy.o.Access.Close(time.Minute); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/one", "/two"} {
			want := "path=" + path + " proto=HTTP/1.1 durationSeconds=0.000000 bytesIn=0 bytesOut=74 route=all upstream=service endpoint=10.0.0.1:80 client=192.0.2.1 "
			if !strings.Contains(lines.String(), want) {
				t.Errorf("no %q in\n%s", want, lines.String())
			}
		}
		if n := strings.Count(lines.String(), "reason=connection_limit_reached shed=queue_full told=return\n"); n != 2 {
			t.Errorf("%d lines say why:\n%s", n, lines.String())
		}
	})
}
