package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// leanSimple is simple, on the lean engine whatever the tests run on.
const leanSimple = "engine: lean\n" + simple

// TestForwardedMemoryIsNobodyElses: what an exchange used is used again for the
// next, while other clients leave in the middle of theirs. Every client must get
// the answer to its own request, and the upstream each request as it was sent.
func TestForwardedMemoryIsNobodyElses(t *testing.T) {
	var http1, http2 http.Protocols
	http1.SetHTTP1(true)
	http2.SetUnencryptedHTTP2(true)
	t.Run("HTTP/1.1", func(t *testing.T) { forwardedMemory(t, &http1) })
	t.Run("HTTP/2", func(t *testing.T) { forwardedMemory(t, &http2) })
}

func forwardedMemory(t *testing.T, protocols *http.Protocols) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Id")
		if r.URL.Path != "/"+id || r.URL.RawQuery != "q="+id || r.Host != "h"+id || len(r.Header["X-Only-"+id]) != 1 {
			t.Errorf("request %s came as %s of %s with %v", id, r.RequestURI, r.Host, r.Header)
		}
		if r.Method == http.MethodPost {
			if body, err := io.ReadAll(r.Body); err == nil && string(body) != strings.Repeat(id, 30) {
				t.Errorf("request %s came with %q", id, body)
			}
		}
		w.Header().Set("X-Answers", id)
		for range 3 {
			io.WriteString(w, strings.Repeat(id+" ", 200))
			if r.Header.Get("X-Pieces") != "" {
				http.NewResponseController(w).Flush()
			}
		}
	})
	p := start(t, unlimited(leanSimple), up.URL, Options{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, Protocols: protocols}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 150 {
				id := fmt.Sprintf("%d-%d", worker, i)
				ctx, leave := context.WithCancel(t.Context())
				method, body := http.MethodGet, ""
				if i%2 == 0 {
					method, body = http.MethodPost, strings.Repeat(id, 30)
				}
				r, err := http.NewRequestWithContext(ctx, method, p.url+"/"+id+"?q="+id, strings.NewReader(body))
				if err != nil {
					t.Error(err)
				}
				r.Host = "h" + id
				r.Header.Set("X-Id", id)
				r.Header.Set("X-Only-"+id, "1")
				if i%3 == 0 {
					r.Header.Set("X-Pieces", "1")
				}
				leaves := i%5 == worker%5
				if leaves {
					go leave() // before, in, or behind the answer
				}
				resp, err := client.Do(r)
				if err == nil {
					var body []byte
					body, err = io.ReadAll(resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("request %s: %s", id, resp.Status)
					}
					if got := resp.Header.Get("X-Answers"); got != id {
						t.Errorf("the answer to %s is that to %s", id, got)
					}
					if want := strings.Repeat(id+" ", 600); err == nil && string(body) != want {
						t.Errorf("request %s got %d bytes, not its own %d", id, len(body), len(want))
					}
				}
				if err != nil && !leaves {
					t.Errorf("request %s: %v", id, err)
				}
				leave()
			}
		})
	}
	wg.Wait()
}

// TestFreeOnlyWhenAlone: an exchange is used again behind the plainest of
// answers, and not where somebody may know of it still.
func TestFreeOnlyWhenAlone(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(x *exchange)
		want    bool
	}{
		{"alone", func(*exchange) {}, true},
		{"not said to be", func(x *exchange) { x.free = false }, false},
		{"somebody waits for its end", func(x *exchange) { x.ctx.Done() }, false},
		{"somebody is told of its end", func(x *exchange) { x.ending.Watch(new(hearer)) }, false},
		{"a context of its own", func(x *exchange) { _, cancel := context.WithCancel(x.ctx); cancel() }, false},
		{"its timer has run", func(*exchange) { time.Sleep(time.Minute); synctest.Wait() }, true},
		{"an attempt of its own", func(x *exchange) { x.retry(t); x.retrying.enlist(&x.first) }, true},
		{"several", func(x *exchange) {
			x.retry(t)
			x.retrying.enlist(&x.first)
			x.retrying.enlist(&attempt{permit: &permit{}})
		}, false},
		{"somebody waits for its attempt's end", func(x *exchange) { x.retry(t); x.retrying.enlist(&x.first).ctx.Done() }, false},
		{"it was cut off", func(x *exchange) { x.cancel(errors.New("cut off")) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var memory exchanges
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://h/", nil)
				if err != nil {
					t.Fatal(err)
				}
				x := memory.take()
				x.r, x.conn, x.start = r, &clientConn{}, time.Now()
				x.route = &route{timeouts: routeTimeouts{answer: 10 * time.Second}}
				x.limit()
				x.free = true
				test.between(x)
				x.finish()
				if x.free != test.want {
					t.Errorf("free: %v, want %v", x.free, test.want)
				}
			})
		})
	}
}

// retry lets an exchange make attempts.
func (x *exchange) retry(t *testing.T) {
	t.Helper()
	x.route.upstream = &Upstream{retries: &retryPolicy{}}
	x.first.permit = &x.permit
	x.retrying = x.newRetrying()
}

// TestTimerIsUsedAgain: the timer of the exchange before ends this one, at its
// own time, and not at the other's.
func TestTimerIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var memory exchanges
		for _, silence := range []time.Duration{10 * time.Second, time.Minute, time.Second} {
			x := memory.take()
			x.r, x.conn, x.start = (&http.Request{}).WithContext(t.Context()), &clientConn{}, time.Now()
			x.route = &route{timeouts: routeTimeouts{answer: silence}}
			x.limit()
			time.Sleep(silence - 1)
			synctest.Wait()
			if cause := context.Cause(x.ctx); cause != nil {
				t.Errorf("%v: ended early: %v", silence, cause)
			}
			x.free = true
			x.finish()
			if !x.free {
				t.Fatal("not free")
			}
			memory.put(x)
		}
		x := memory.take()
		x.r, x.conn, x.start = (&http.Request{}).WithContext(t.Context()), &clientConn{}, time.Now()
		x.route = &route{timeouts: routeTimeouts{answer: 3 * time.Second}}
		x.limit()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if cause := context.Cause(x.ctx); cause != errResponseDeadline {
			t.Errorf("at its time it ended with %v", cause)
		}
		x.finish()
	})
}

// forwardedAllocations is what a short answer's way through the lean engine may
// allocate, on both sides: the messages that are read, and what their handlers
// hold.
const forwardedAllocations = 4

// TestForwardedAllocations counts them, with an upstream and a client that
// allocate nothing.
func TestForwardedAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\n\r\nhello"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4<<10)
				for {
					if _, err := c.Read(buf); err != nil { // a short request comes in one piece
						return
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	t.Run("sent once", func(t *testing.T) {
		countAllocations(t, unlimited(leanSimple), "http://"+l.Addr().String(), get)
	})
	// In one piece too, or it would be answered twice.
	t.Run("with a short body", func(t *testing.T) {
		countAllocations(t, unlimited(leanSimple), "http://"+l.Addr().String(),
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1024\r\n\r\n"+strings.Repeat("x", 1024))
	})
	t.Run("may be retried", func(t *testing.T) {
		yaml := strings.Replace(unlimited(leanSimple), `endpoints: ["$UPSTREAM"]`, `endpoints: ["$UPSTREAM"], retry: {attempts: 2}`, 1)
		if !strings.Contains(yaml, "attempts") {
			t.Fatal("the configuration has no retries")
		}
		countAllocations(t, yaml, "http://"+l.Addr().String(), get)
	})
}

// countAllocations counts those of a short request through a proxy.
func countAllocations(t *testing.T, yaml, upstream, ask string) {
	p := start(t, yaml, upstream, Options{})
	client, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request, buf := []byte(ask), make([]byte, 4<<10)
	exchange := func() {
		if _, err := client.Write(request); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 5 || string(buf[n-5:n]) != "hello"; {
			m, err := client.Read(buf[n:])
			if n += m; err != nil {
				t.Fatal(err)
			}
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would empty the pools
	const runs = 1000
	least := leastOf(func() float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			exchange()
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / runs
	})
	t.Logf("%.1f allocations", least)
	if least > forwardedAllocations {
		t.Errorf("%.1f allocations, want %d at most", least, forwardedAllocations)
	}
}

// hearer is told of an end, and does nothing about it.
type hearer struct{}

func (*hearer) ContextEnded() {}

// readyBody is a body of which so many bytes are there.
type readyBody struct {
	io.ReadCloser
	ready int
}

func (b readyBody) Ready() int { return b.ready }

// TestPresent: what came with a large header may be too long to go out in one write
// with it. A goroutine sends it then, which isn't done with the exchange when the
// body has come to its end.
func TestPresent(t *testing.T) {
	for _, c := range []struct {
		length, ready int
		want          bool
	}{
		{1, 1, true},
		{1, 9, true}, // the next request's, too
		{2, 1, false},
		{0, 0, false},
		{-1, 9, false},
		{16 << 10, 16 << 10, true},
		{16<<10 + 1, 16<<10 + 1, false},
	} {
		r := &http.Request{ProtoMajor: 1, ContentLength: int64(c.length), Body: readyBody{ready: c.ready}}
		if got := present(r); got != c.want {
			t.Errorf("of %d bytes, %d are there: %v, want %v", c.length, c.ready, got, c.want)
		}
	}
}
