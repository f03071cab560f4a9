package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// pair is two ends of a connection, the first one as a Socket.
func pair(t testing.TB, network string) (*Socket, net.Conn, net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	s := Of(ours)
	if s == nil {
		t.Fatalf("%T is no socket", ours)
	}
	return s, ours, theirs
}

// TestBothWays: pieces of any size come over whole, both ways at once, also
// where the other end is slow to take them.
func TestBothWays(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s, _, theirs := pair(t, network)
			var sent bytes.Buffer
			for i := range 400 {
				sent.WriteString(strings.Repeat(string(rune('a'+i%26)), 1+i*i%9973))
			}
			sent.Write(make([]byte, 4*shortCall)) // in one piece, at the end
			var echoed bytes.Buffer
			var wg sync.WaitGroup
			wg.Go(func() { // echoes, in pieces of its own
				if _, err := io.CopyBuffer(struct{ io.Writer }{theirs}, struct{ io.Reader }{theirs}, make([]byte, 777)); err != nil {
					t.Error(err)
				}
				theirs.Close()
			})
			wg.Go(func() {
				if _, err := io.Copy(&echoed, struct{ io.Reader }{s}); err != nil {
					t.Error(err)
				}
			})
			all := sent.Bytes()
			for i := 0; len(all) > 0; i++ {
				n := min(1+i*i%40_000, len(all))
				if len(all) <= 4*shortCall {
					n = len(all)
				}
				if wrote, err := s.Write(all[:n]); wrote != n || err != nil {
					t.Fatalf("wrote %d of %d: %v", wrote, n, err)
				}
				all = all[n:]
			}
			if err := s.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if !bytes.Equal(echoed.Bytes(), sent.Bytes()) {
				t.Errorf("%d bytes came back, others than the %d that were sent", echoed.Len(), sent.Len())
			}
		})
	}
}

// TestErrors: whatever goes wrong is said as net says it.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, ours, theirs net.Conn)
		call func(rw io.ReadWriter) error
		is   error
	}{
		{"the end", func(_ *testing.T, _, theirs net.Conn) { theirs.Close() }, read, io.EOF},
		{"a deadline that is over", func(t *testing.T, ours, theirs net.Conn) {
			ours.SetReadDeadline(time.Unix(1, 0))
			io.WriteString(theirs, "there is something to read")
		}, read, os.ErrDeadlineExceeded},
		{"a deadline", func(t *testing.T, ours, _ net.Conn) {
			ours.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		}, read, os.ErrDeadlineExceeded},
		{"a deadline for writing that is over", func(t *testing.T, ours, _ net.Conn) {
			ours.SetWriteDeadline(time.Unix(1, 0))
		}, write, os.ErrDeadlineExceeded},
		{"a deadline for writing", func(t *testing.T, ours, _ net.Conn) {
			ours.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		}, func(rw io.ReadWriter) error { // nobody reads
			for {
				if err := write(rw); err != nil {
					return err
				}
			}
		}, os.ErrDeadlineExceeded},
		{"closed here", func(_ *testing.T, ours, _ net.Conn) { ours.Close() }, read, net.ErrClosed},
		{"closed here, and written", func(_ *testing.T, ours, _ net.Conn) { ours.Close() }, write, net.ErrClosed},
		{"closed here meanwhile", func(t *testing.T, ours, _ net.Conn) { time.AfterFunc(20*time.Millisecond, func() { ours.Close() }) }, read, net.ErrClosed},
		{"reset", func(t *testing.T, ours, theirs net.Conn) {
			theirs.(*net.TCPConn).SetLinger(0)
			theirs.Close()
		}, read, syscall.ECONNRESET},
		{"nobody takes it", func(t *testing.T, ours, _ net.Conn) { ours.(*net.TCPConn).CloseWrite() }, write, syscall.EPIPE},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ours, theirs := pair(t, "tcp")
			test.do(t, ours, theirs)
			err := test.call(s)
			if !errors.Is(err, test.is) {
				t.Fatalf("%v, want %v", err, test.is)
			}
			if test.is == io.EOF {
				if err != io.EOF {
					t.Errorf("%#v instead of io.EOF itself", err)
				}
				return
			}
			_, ours, theirs = pair(t, "tcp")
			test.do(t, ours, theirs)
			want := test.call(ours)
			if got, want := withoutAddresses(err), withoutAddresses(want); got != want {
				t.Errorf("%q, and net says %q", got, want)
			}
		})
	}
}

func read(rw io.ReadWriter) error {
	_, err := rw.Read(make([]byte, 100))
	return err
}

func write(rw io.ReadWriter) error {
	_, err := rw.Write(make([]byte, 16<<10))
	return err
}

// withoutAddresses is an error's text, of another connection's too.
func withoutAddresses(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err.Error()
	}
	return strings.Join([]string{op.Op, op.Net, op.Err.Error()}, " ")
}

// TestWait: who waits for something to read holds no buffer, and is called when
// there is some.
func TestWait(t *testing.T) {
	s, _, theirs := pair(t, "tcp")
	tries := 0
	var got []byte
	err := s.Wait(func(fd uintptr) bool {
		tries++
		var b [100]byte
		n, err := Receive(fd, b[:])
		if err == ErrAgain {
			if tries == 1 {
				io.WriteString(theirs, "hello")
			}
			return false
		}
		got = append(got, b[:n]...)
		return true
	})
	if err != nil || string(got) != "hello" {
		t.Errorf("%q came, and %v", got, err)
	}
}

// TestNoSocket: what isn't a socket's connection itself, and may do as it likes
// with what it reads and writes, is left alone.
func TestNoSocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	_, ours, _ := pair(t, "tcp")
	for _, nc := range []net.Conn{a, struct{ *net.TCPConn }{ours.(*net.TCPConn)}} {
		if Of(nc) != nil {
			t.Errorf("%T is taken for a socket", nc)
		}
	}
}

// TestAllocations: neither reading nor writing allocates.
func TestAllocations(t *testing.T) {
	s, _, theirs := pair(t, "tcp")
	p, q := make([]byte, 100), make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(theirs, q); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Write(q); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestCrowd: Yield lets others go first where many are waiting, and does
// nothing where there are none.
func TestCrowd(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer crowded.Store(0)
	crowded.Store(0)
	for range 100 { // the scheduler may let them go by itself
		var wg sync.WaitGroup
		var went atomic.Int32
		for range 50 {
			wg.Go(func() { went.Add(1) })
		}
		Count()
		before := went.Load()
		Yield()
		after := went.Load()
		wg.Wait()
		if before > 0 {
			continue
		}
		if after == 0 {
			t.Fatal("nobody was let go first")
		}
		for range lasts {
			Count()
		}
		if n := crowded.Load(); n > 0 {
			t.Errorf("there is nobody, and a crowd is seen for %d counts more", n)
		}
		return
	}
	t.Fatal("there never was a crowd")
}

// BenchmarkRead compares with net's, of a byte that is there.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"socket", "net"} {
		b.Run(name, func(b *testing.B) {
			s, ours, theirs := pair(b, "tcp")
			var r io.Reader = s
			if name == "net" {
				r = ours
			}
			var p [1]byte
			for b.Loop() {
				b.StopTimer()
				if _, err := theirs.Write(p[:]); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := r.Read(p[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
