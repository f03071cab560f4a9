package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientsThatDoNotRead: whatever is written for a client, it has its time to
// take it, also where the handler has set no deadline; where it has, that holds.
func TestClientsThatDoNotRead(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name, text string
		handler    http.HandlerFunc
		after      time.Duration
	}{
		{"short", get, ok, 3 * time.Second},
		{"long", get, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }, 3 * time.Second},
		{"flushed", get, func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 3 * time.Second},
		{"interim", get, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) }, 3 * time.Second},
		{"100", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(4 * time.Second))
			r.Body.Read(make([]byte, 1))
		}, 7 * time.Second},
		{"the handler's own deadline", get, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		}, time.Minute},
		{"late", get, func(w http.ResponseWriter, _ *http.Request) { time.Sleep(time.Hour) }, time.Hour + 3*time.Second},
		{"refused", "nonsense\r\n\r\n", ok, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := virtualServer(test.handler)
				s.cfg.Write = 3 * time.Second
				c, _, done := inMemory(t, s)
				io.WriteString(c, test.text)
				start := time.Now()
				<-done
				if took := time.Since(start); took != test.after {
					t.Errorf("the connection ended after %v, want %v", took, test.after)
				}
			})
		})
	}
}

// hesitant is a connection whose first write lets a second one pass it, if one
// comes.
type hesitant struct {
	net.Conn
	writes        atomic.Int32
	first, second chan struct{}
}

func (h *hesitant) Write(p []byte) (int, error) {
	switch h.writes.Add(1) {
	case 1:
		close(h.first)
		select {
		case <-h.second:
		case <-time.After(50 * time.Millisecond):
		}
	case 2:
		defer close(h.second)
	}
	return h.Conn.Write(p)
}

// TestNo100InAnAnswer: a 100 that is just being written when the answer begins
// comes before it.
func TestNo100InAnAnswer(t *testing.T) {
	client, nc := net.Pipe()
	defer client.Close()
	h := &hesitant{Conn: nc, first: make(chan struct{}), second: make(chan struct{})}
	s := virtualServer(func(w http.ResponseWriter, r *http.Request) {
		go io.Copy(io.Discard, r.Body)
		<-h.first
		w.WriteHeader(http.StatusTeapot)
		w.(http.Flusher).Flush()
	})
	go s.Serve(h)
	io.WriteString(client, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	br := bufio.NewReader(client)
	if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Errorf("%q, %v comes first", line, err)
	}
}

// TestHijackedIsNotWatched: whoever has hijacked a connection hears of a client
// that half-closes it by reading, and may go on writing.
func TestHijackedIsNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hijacked := make(chan context.Context)
		s := virtualServer(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			_ = ctx.Done() // somebody waits for it
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			hijacked <- ctx
			hijacked <- ctx
		})
		c, theirs, done := inMemory(t, s)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		ctx := <-hijacked
		theirs.left.Store(true)
		time.Sleep(time.Minute)
		if err := ctx.Err(); err != nil {
			t.Errorf("the request's context: %v", err)
		}
		<-hijacked
		<-done
		if ctx.Err() == nil {
			t.Error("the context outlives the request")
		}
	})
}

// TestSwitchedToNothing: behind a 101, nothing is taken for HTTP any more.
func TestSwitchedToNothing(t *testing.T) {
	calls := 0
	_, address := serve(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusSwitchingProtocols)
	})})
	c := dial(t, address)
	io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 2))
	got, _ := io.ReadAll(c)
	if n := strings.Count(string(got), "HTTP/1.1 "); n != 1 || calls != 1 {
		t.Errorf("%d answers, %d calls: %q", n, calls, got)
	}
}

// TestOneAnswersTimeIsNotTheNexts: the deadline for writing one answer says
// nothing about one that comes later.
func TestOneAnswersTimeIsNotTheNexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(ok)
		s.cfg.Write = 3 * time.Second
		s.cfg.Express = func(_ net.Conn, r *http.Request, b []byte) ([]byte, [][]byte) {
			if r.URL.Path == "/express" {
				b = append(b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"...)
			}
			return b, nil
		}
		c, _, _ := inMemory(t, s)
		br := bufio.NewReader(c)
		for _, path := range []string{"/express", "/", "/", "/express"} {
			io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n")
			if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %v, %v", path, resp, err)
			}
			time.Sleep(10 * time.Second)
		}
	})
}
