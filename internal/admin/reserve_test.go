//go:build linux

package admin

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// exhaust lowers the limit of open files and opens files until there is no
// descriptor left. The function returned gives them back.
func exhaust(t *testing.T) func() {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	probe, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = uint64(probe.Fd()) + 8
	probe.Close()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	done := false
	restore := func() {
		if done {
			return
		}
		done = true
		for _, f := range files {
			f.Close()
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(restore)
	return restore
}

// When the traffic side has taken every descriptor, an operator still gets in,
// one after the other, more often than there are descriptors in reserve.
func TestAdminWithoutDescriptors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reserved := withReserve(l, 2)
	// The operators dial while there are descriptors: they are in this process
	// too. They wait in the kernel, as nobody accepts yet.
	var operators []net.Conn
	for range 10 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		operators = append(operators, c)
	}
	restore := exhaust(t)

	if f, err := os.Open(os.DevNull); err == nil {
		f.Close()
		t.Fatal("there are descriptors left")
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })}
	go srv.Serve(reserved)
	defer srv.Close()

	for i, c := range operators {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Errorf("operator %d: %q, %v", i, answer, err)
		}
	}
	restore()
}

// Without anything in reserve the listener says so, and works on later.
func TestReserveUsedUp(t *testing.T) {
	r := withReserve(&failingListener{fails: 3}, 1).(*reserve)
	if c, err := r.Accept(); err == nil || c != nil || len(r.spare) != 0 {
		t.Errorf("Accept = %v, %v with %d spare; want an error", c, err, len(r.spare))
	}
	if _, err := r.Accept(); !exhausted(err) {
		t.Errorf("Accept: %v, want EMFILE", err)
	}
	c, err := r.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if len(r.spare) != 1 {
		t.Errorf("%d spare after a connection ended, want 1", len(r.spare))
	}
	r.Close()
	r.refill()
	if len(r.spare) != 0 {
		t.Error("a closed listener holds descriptors")
	}
}

// failingListener has no descriptor the first few times.
type failingListener struct {
	pipeListener
	fails int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.pipeListener.Accept()
}

func (l *failingListener) Close() error { return nil }
