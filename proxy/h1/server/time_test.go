package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// piped is a connection in memory that can tell whether its client has left.
type piped struct {
	net.Conn
	left atomic.Bool
	sets atomic.Int32 // of deadlines
}

func (p *piped) HungUp() bool { return p.left.Load() }
func (p *piped) SetReadDeadline(t time.Time) error {
	p.sets.Add(1)
	return p.Conn.SetReadDeadline(t)
}

// inMemory runs a server in virtual time and connects to it; done is closed
// when the connection has ended.
func inMemory(t *testing.T, s *Server) (client net.Conn, theirs *piped, done chan struct{}) {
	t.Helper()
	client, nc := net.Pipe()
	theirs, done = &piped{Conn: nc}, make(chan struct{})
	go func() { defer close(done); s.Serve(theirs) }()
	t.Cleanup(func() { client.Close() })
	return client, theirs, done
}

func virtualServer(h http.HandlerFunc) *Server {
	return New(Config{Handler: h, Limits: h1.Limits{HeadBytes: 8 << 10}, Header: 5 * time.Second, Idle: time.Minute})
}

func ok(http.ResponseWriter, *http.Request) {}

// TestClientsThatStandStill: each wait has its end, and none is cut short.
func TestClientsThatStandStill(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name  string
		sends func(c net.Conn, sleep func(time.Duration)) // reads are taken care of
		after time.Duration                               // since the last was sent
		last  string                                      // line that it hears
	}{
		{"nothing", func(net.Conn, func(time.Duration)) {}, 5 * time.Second, ""},
		{"half a header", func(c net.Conn, _ func(time.Duration)) { io.WriteString(c, "GET / HT") }, 5 * time.Second, "408 Request Timeout: the header took too long"},
		{"a header that drips", func(c net.Conn, sleep func(time.Duration)) {
			for range 4 {
				io.WriteString(c, "X")
				sleep(time.Second)
			}
		}, time.Second, "408 Request Timeout: the header took too long"},
		{"half an empty line behind a POST", func(c net.Conn, _ func(time.Duration)) {
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi\r")
		}, 5 * time.Second, "408 Request Timeout: the header took too long"},
		{"nothing more", func(c net.Conn, _ func(time.Duration)) { io.WriteString(c, request) }, time.Minute, ""},
		{"now and then", func(c net.Conn, sleep func(time.Duration)) {
			for range 50 {
				io.WriteString(c, request)
				sleep(50 * time.Second)
			}
		}, 10 * time.Second, ""},
		{"half a header, late", func(c net.Conn, sleep func(time.Duration)) {
			io.WriteString(c, request)
			sleep(59 * time.Second)
			io.WriteString(c, "GET")
		}, 5 * time.Second, "408 Request Timeout: the header took too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, done := inMemory(t, virtualServer(ok))
				heard := make(chan string, 1)
				go func() { b, _ := io.ReadAll(c); heard <- string(b) }()
				test.sends(c, func(d time.Duration) { time.Sleep(d) })
				since := time.Now()
				<-done
				if d := time.Since(since).Round(100 * time.Millisecond); d != test.after && d != test.after+lingering {
					t.Errorf("ended after %v, want %v", d, test.after)
				}
				if got := <-heard; !strings.HasSuffix(got, test.last+"\n") && test.last != "" {
					t.Errorf("it heard %q", got)
				}
			})
		})
	}
}

// TestDeadlinesThatMove: to a later time costs nothing, and each holds.
func TestDeadlinesThatMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		p := &piped{Conn: here}
		w := newWire(p)
		defer w.Close()
		for i := range 1000 {
			w.SetReadDeadline(time.Now().Add(time.Minute + time.Duration(i)))
		}
		if n := p.sets.Load(); n != 1 {
			t.Errorf("set %d times", n)
		}
		wants := func(d time.Duration) {
			t.Helper()
			begun := time.Now()
			_, err := w.Read(make([]byte, 1))
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != d {
				t.Errorf("%v after %v, want %v", err, time.Since(begun), d)
			}
		}
		w.SetReadDeadline(time.Now().Add(90 * time.Second))
		wants(90 * time.Second)
		w.SetReadDeadline(time.Now().Add(time.Hour))
		w.SetReadDeadline(time.Now().Add(time.Second))
		wants(time.Second)
		wants(0)
		w.SetReadDeadline(time.Now().Add(-time.Second))
		wants(0)
		w.SetReadDeadline(time.Now().Add(time.Second))
		wants(time.Second)

		// One that is taken away, while it is waited for.
		w.SetReadDeadline(time.Now().Add(time.Second))
		read := make(chan error)
		go func() { _, err := w.Read(make([]byte, 1)); read <- err }()
		synctest.Wait()
		w.SetReadDeadline(time.Time{})
		time.Sleep(time.Hour)
		go there.Write([]byte("x"))
		if err := <-read; err != nil {
			t.Error(err)
		}
		// One that has passed ends a read at once.
		go func() { _, err := w.Read(make([]byte, 1)); read <- err }()
		synctest.Wait()
		w.SetReadDeadline(longAgo)
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestDepartures: whoever waits for the context hears that the client has left;
// that it sends more is no departure.
func TestDepartures(t *testing.T) {
	for _, test := range []struct {
		name    string
		request string
		leaves  bool
		want    error
	}{
		{"left", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, context.Canceled},
		{"stays", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", false, nil},
		{"sends another", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET", false, nil},
		{"left behind another", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET", true, context.Canceled},
		{"its body isn't read", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe", true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, waits := range []func(context.Context){
					func(ctx context.Context) {
						select {
						case <-ctx.Done():
						case <-time.After(10 * time.Second):
						}
					},
					func(ctx context.Context) { // by a child
						ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
						defer cancel()
						<-ctx.Done()
					},
				} {
					var err error
					var took time.Duration
					s := virtualServer(func(_ http.ResponseWriter, r *http.Request) {
						begun := time.Now()
						waits(r.Context())
						err, took = r.Context().Err(), time.Since(begun)
					})
					c, theirs, done := inMemory(t, s)
					go io.Copy(io.Discard, c)
					io.WriteString(c, test.request)
					time.Sleep(time.Second)
					theirs.left.Store(test.leaves)
					time.Sleep(10 * time.Second)
					c.Close()
					<-done
					if err != test.want || test.leaves && err != nil && took > 1200*time.Millisecond {
						t.Errorf("%v after %v, want %v", err, took, test.want)
					}
					s.sweep.mu.Lock()
					if s.sweep.first != nil || s.sweep.last != nil {
						t.Error("something is still watched")
					}
					s.sweep.mu.Unlock()
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// TestContextEnds: with the request, and with what it was made from.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, stop := context.WithCancelCause(context.Background())
		kept := make(chan context.Context, 1)
		type key struct{}
		var wait bool
		s := New(Config{
			Base: base, Limits: h1.Limits{HeadBytes: 8 << 10},
			ConnContext: func(ctx context.Context, nc net.Conn) context.Context { return context.WithValue(ctx, key{}, nc) },
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				kept <- r.Context()
				if wait {
					<-r.Context().Done()
				}
			}),
		})
		c, theirs, done := inMemory(t, s)
		go io.Copy(io.Discard, c)
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		ctx := <-kept
		synctest.Wait()
		if ctx.Err() != context.Canceled || ctx.Value(key{}) != net.Conn(theirs) || ctx.Value(http.LocalAddrContextKey) == nil {
			t.Errorf("%v %v", ctx.Err(), ctx.Value(key{}))
		}
		<-ctx.Done()
		called := make(chan struct{})
		context.AfterFunc(ctx, func() { close(called) })
		<-called

		wait = true
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		ctx = <-kept
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		late := context.AfterFunc(ctx, func() { t.Error("it was taken back") })
		if !late() || late() {
			t.Error("it can't be taken back once")
		}
		cause := errors.New("stopped")
		stop(cause)
		<-child.Done()
		if context.Cause(child) != cause || ctx.Err() != context.Canceled {
			t.Errorf("%v, %v", context.Cause(child), ctx.Err())
		}
		c.Close()
		<-done
	})
}

// TestShutdown: what runs is finished and its client told, what is idle is closed.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := virtualServer(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hold" {
				<-release
			}
		})
		idle, _, idleDone := inMemory(t, s)
		idleReader := bufio.NewReader(idle)
		go io.WriteString(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, err := http.ReadResponse(idleReader, nil); err != nil || resp.Close {
			t.Fatal(resp, err)
		}
		busy, _, busyDone := inMemory(t, s)
		io.WriteString(busy, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n")
		fresh, _, freshDone := inMemory(t, s)
		synctest.Wait()

		begun := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(short); err != context.DeadlineExceeded {
			t.Error(err)
		}
		<-idleDone
		ended := make(chan error)
		go func() { ended <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		go io.WriteString(fresh, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") // it was accepted before
		if resp, err := http.ReadResponse(bufio.NewReader(fresh), nil); err != nil || !resp.Close {
			t.Error(resp, err)
		}
		<-freshDone
		close(release)
		if resp, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || !resp.Close {
			t.Error(resp, err)
		}
		<-busyDone
		if err := <-ended; err != nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		late, theirs := net.Pipe()
		s.Serve(theirs) // returns at once
		if _, err := late.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		late.Close()
	})
}

// TestBodyOnAnotherGoroutine: one may still read the body when the handler
// returns. It hears that it is over, and the connection ends behind the answer.
func TestBodyOnAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan error, 1)
		var body io.Reader
		s := virtualServer(func(w http.ResponseWriter, r *http.Request) {
			body = r.Body
			go func() { _, err := io.ReadAll(r.Body); read <- err }()
			synctest.Wait()
			io.WriteString(w, "early")
		})
		c, _, done := inMemory(t, s)
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) && err != http.ErrBodyReadAfterClose {
			t.Error(err)
		}
		<-done
		if _, err := body.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose {
			t.Error(err)
		}
	})
}

// TestBodyLeftUnread is read to its end, for a while.
func TestBodyLeftUnread(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration // the rest of the body comes
		kept  bool
	}{{"in time", 4 * time.Second, true}, {"too late", 6 * time.Second, false}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := virtualServer(ok)
				c, _, done := inMemory(t, s)
				br := bufio.NewReader(c)
				io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
				if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
					t.Fatal(resp, err)
				}
				time.Sleep(test.after)
				_, err := io.WriteString(c, "world")
				if err == nil {
					_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				}
				if err == nil {
					_, err = http.ReadResponse(br, nil)
				}
				if kept := err == nil; kept != test.kept {
					t.Errorf("%v", err)
				}
				c.Close()
				<-done
			})
		})
	}
}
