package connections

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// connected is a connection over TCP, and its other end.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// TestBytesOnTheirWay: what an upstream sends unasked is seen also in the moment
// in which the reader has it from the socket and hasn't looked at it yet.
func TestBytesOnTheirWay(t *testing.T) {
	ours, theirs := connected(t)
	w := newWireConn(ours, nil, nil)
	try, taken, look := w.reading.try, make(chan struct{}), make(chan struct{})
	w.reading.try = func(fd uintptr) bool {
		done := try(fd)
		if done {
			close(taken)
			<-look
		}
		return done
	}
	fit := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.fit()
	}
	got := make(chan string)
	go func() {
		var b [10]byte
		n, _ := w.Read(b[:])
		got <- string(b[:n])
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); !fit(); {
		select {
		case <-tick.C: // until the reader waits
		case <-deadline:
			t.Fatal("the connection never becomes fit")
		}
	}
	io.WriteString(theirs, "x")
	<-taken
	if fit() {
		t.Error("the connection is fit while its bytes are on their way")
	}
	close(look)
	if s := <-got; s != "x" {
		t.Errorf("read %q", s)
	}
}

// TestReceiveEnds: ends and errors are those of the connection itself.
func TestReceiveEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(ours, theirs net.Conn)
		want error
	}{
		"an end":          {func(_, theirs net.Conn) { theirs.Close() }, io.EOF},
		"closed here":     {func(ours, _ net.Conn) { ours.Close() }, net.ErrClosed},
		"a deadline":      {func(ours, _ net.Conn) { ours.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"an earlier read": {func(_, theirs net.Conn) { io.WriteString(theirs, "x") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := connected(t)
			w := newWireConn(ours, nil, nil)
			tc.do(ours, theirs)
			var b [1]byte
			if _, err := w.Read(b[:]); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if w.parked {
				t.Error("the reader still waits")
			}
		})
	}
}
