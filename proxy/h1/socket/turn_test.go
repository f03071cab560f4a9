package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTurn: what is written comes over, and what is answered comes back, however
// long that takes and however little the socket holds.
func TestTurn(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, size := range []int{1, 1000, shortCall} {
			s, ours, theirs := pair(t, network)
			if network == "tcp" { // the smallest there are
				ours.(*net.TCPConn).SetWriteBuffer(1)
				theirs.(*net.TCPConn).SetReadBuffer(1)
			}
			out, in := bytes.Repeat([]byte("q"), size), make([]byte, 100)
			for range 3 {
				failed := make(chan error, 1)
				go func() {
					got := make([]byte, size)
					_, err := io.ReadFull(theirs, got)
					if err == nil && !bytes.Equal(got, out) {
						err = errors.New("something else came")
					}
					io.WriteString(theirs, "answer")
					failed <- err
				}()
				wrote, n, err := s.Turn(out, in)
				if wrote != size || string(in[:n]) != "answer" || err != nil {
					t.Fatalf("%s: wrote %d of %d, read %q: %v", network, wrote, size, in[:n], err)
				}
				if err := <-failed; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestStale: nothing is written where something came before, or the end.
func TestStale(t *testing.T) {
	for name, before := range map[string]func(theirs net.Conn){
		"bytes": func(theirs net.Conn) { io.WriteString(theirs, "poison") },
		"half":  func(theirs net.Conn) { theirs.(*net.TCPConn).CloseWrite() },
		"end":   func(theirs net.Conn) { theirs.Close() },
		"reset": func(theirs net.Conn) { theirs.(*net.TCPConn).SetLinger(0); theirs.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s, _, theirs := pair(t, "tcp")
			before(theirs)
			wrote, n, err := s.Turn([]byte("request"), make([]byte, 100))
			if wrote != 0 || n != 0 || err != ErrStale {
				t.Errorf("wrote %d, read %d: %v", wrote, n, err)
			}
		})
	}
}

// TestTurnFails: it is over when the other end is, at a deadline, and when the
// connection is closed.
func TestTurnFails(t *testing.T) {
	for _, test := range []struct {
		name string
		when func(t *testing.T, ours, theirs net.Conn)
		is   error
	}{
		{"the end", func(_ *testing.T, _, theirs net.Conn) {
			io.ReadFull(theirs, make([]byte, len("request")))
			theirs.Close()
		}, io.EOF},
		{"a deadline", func(_ *testing.T, ours, theirs net.Conn) {
			io.ReadFull(theirs, make([]byte, len("request")))
			ours.SetDeadline(time.Unix(1, 0))
		}, os.ErrDeadlineExceeded},
		{"closed", func(_ *testing.T, ours, theirs net.Conn) {
			io.ReadFull(theirs, make([]byte, len("request")))
			ours.Close()
		}, net.ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ours, theirs := pair(t, "tcp")
			go test.when(t, ours, theirs)
			wrote, n, err := s.Turn([]byte("request"), make([]byte, 100))
			if wrote != len("request") || n != 0 || !errors.Is(err, test.is) {
				t.Errorf("wrote %d, read %d: %v, want %v", wrote, n, err, test.is)
			}
		})
	}
	t.Run("a deadline that is over", func(t *testing.T) {
		s, ours, _ := pair(t, "tcp")
		ours.SetDeadline(time.Unix(1, 0))
		if wrote, _, err := s.Turn([]byte("request"), make([]byte, 100)); wrote != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d: %v", wrote, err)
		}
	})
	t.Run("too much", func(t *testing.T) {
		s, _, _ := pair(t, "tcp")
		if wrote, _, err := s.Turn([]byte(strings.Repeat("q", shortCall+1)), make([]byte, 100)); wrote != 0 || err == nil {
			t.Errorf("wrote %d: %v", wrote, err)
		}
	})
}

// TestTurnAllocations: a turn allocates nothing.
func TestTurnAllocations(t *testing.T) {
	s, _, theirs := pair(t, "tcp")
	go func() {
		p := make([]byte, 100)
		for {
			n, err := theirs.Read(p)
			if err != nil {
				return
			}
			theirs.Write(p[:n])
		}
	}()
	p, q := make([]byte, 10), make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := s.Turn(p, q); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
