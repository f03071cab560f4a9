package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
)

func start(t *testing.T, address string, h http.Handler) *Server {
	t.Helper()
	s, err := Serve(address, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s
}

// A Levee tells its status over TCP and over a unix socket alike.
func TestClientAndServer(t *testing.T) {
	o, p, _ := newOptions(t)
	p.status.Upstreams[0].ResolveError = "lookup features: no such host"
	o.Sinks = append(o.Sinks, func() telemetry.SinkStats { return telemetry.SinkStats{Name: "access", Written: 5} })
	for _, address := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "admin.sock")} {
		s := start(t, address, Handler(o))
		c, err := NewClient(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Status(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if got.Summary != "1 problem." || got.Problems[0].Detail != "lookup features: no such host" ||
			!got.Ready || len(got.Proxy.Upstreams[0].Endpoints) != 2 || got.Telemetry[0].Written != 5 {
			t.Errorf("%s: %+v", address, got)
		}
		var text bytes.Buffer
		if err := WriteText(&text, got); err != nil || !strings.HasPrefix(text.String(), "levee 1.2.3: 1 problem.\n") {
			t.Errorf("%s: %v\n%s", address, err, &text)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("%s: Shutdown: %v", address, err)
		}
		if _, err := c.Status(t.Context()); err == nil {
			t.Errorf("%s: answers after Shutdown", address)
		}
	}
}

func TestClientErrors(t *testing.T) {
	if _, err := NewClient("off"); !errors.Is(err, ErrOff) {
		t.Errorf("off: %v", err)
	}
	if _, err := NewClient("nonsense"); err == nil || !strings.Contains(err.Error(), "want host:port or unix:/path") {
		t.Errorf("nonsense: %v", err)
	}
	for address, want := range map[string]string{":4481": "127.0.0.1:4481", "0.0.0.0:4481": "127.0.0.1:4481", "[::]:4481": "[::1]:4481", "10.0.0.1:1": "10.0.0.1:1"} {
		if c, err := NewClient(address); err != nil || c.address != want {
			t.Errorf("%s: %v, want %s", address, c, want)
		}
	}

	s := start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/status" {
			http.Error(w, "Refused: \x1b[2J", http.StatusForbidden)
		}
	}))
	c, err := NewClient(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "403 Forbidden: Refused: \ufffd[2J") {
		t.Errorf("forbidden: %v", err)
	}

	s = start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	if c, err = NewClient(s.Addr()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "isn't JSON of Levee's") {
		t.Errorf("not JSON: %v", err)
	}
}

func TestServeOff(t *testing.T) {
	s := start(t, "off", nil)
	if s.Addr() != "off" || s.Shutdown(t.Context()) != nil {
		t.Errorf("Addr %q", s.Addr())
	}
}

func TestServeErrors(t *testing.T) {
	taken := start(t, "127.0.0.1:0", http.NotFoundHandler())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		taken.Addr():                   "address already in use",
		"nonsense":                     "missing port",
		"unix:" + file:                 ErrNotSocket.Error(),
		"unix:/nonexistent/admin.sock": "no such file",
	} {
		if _, err := Serve(address, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve(%s): %v, want %q", address, err, want)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "precious" {
		t.Errorf("the file in the way: %q, %v", content, err)
	}
}

// A socket has no rights for others, replaces one that a dead process left,
// never one in use, and is removed at the end; but not if it is another's.
func TestServeUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")

	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close() // as a process that was killed leaves it

	s := start(t, "unix:"+path, http.NotFoundHandler())
	if s.Addr() != "unix:"+path {
		t.Errorf("Addr = %s", s.Addr())
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if _, err := Serve("unix:"+path, nil, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one: %v, want ErrInUse", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if rest, _ := os.ReadDir(filepath.Dir(path)); len(rest) != 0 {
		t.Errorf("left behind: %v", rest)
	}

	old := start(t, "unix:"+path, http.NotFoundHandler())
	os.Remove(path)
	start(t, "unix:"+path, http.NotFoundHandler()) // the next process
	old.Shutdown(t.Context())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the old server took the new one's socket away: %v", err)
	}
}

// Shutdown lets a request end, but not for longer than it is told to.
func TestShutdownWaits(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-end
		io.WriteString(w, "done")
	}))
	answer := make(chan string, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodGet, "http://"+s.Addr(), nil)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	close(end)
	if got := <-answer; got != "done" {
		t.Errorf("the request under way: %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}

	begun, end = make(chan struct{}), make(chan struct{})
	defer close(end)
	s = start(t, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-end
	}))
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown with a request that hangs: %v", err)
	}
}
