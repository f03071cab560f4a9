package socket

import (
	"errors"
	"os"
	"syscall"
)

// ErrStale is that of a connection on which something came before it was asked
// for, if only its end.
var ErrStale = errors.New("something came that nobody has asked for")

// turn is a question that is written, and an answer that is read.
type turn struct {
	out   []byte // left to write
	in    []byte
	n     int // of in
	asked bool
	err   error

	do func(fd uintptr) bool // try
}

// Turn writes out and then reads what is answered into in. If there is anything
// to read before, it writes nothing, and returns ErrStale.
//
// It spares who asks over a connection that was idle the try to read that can't
// succeed yet, since the answer takes its time. That is safe only as a whole:
// from the look before it writes, the poller notes whatever comes.
func (s *Socket) Turn(out, in []byte) (wrote, n int, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if len(out) > shortCall || len(in) == 0 {
		return 0, 0, syscall.EINVAL
	}
	t := s.turn
	if t == nil {
		t = &turn{}
		t.do, s.turn = t.try, t
	}
	t.out, t.in = out, in
	defer t.end()
	err = s.raw.Read(t.do)
	wrote = len(out) - len(t.out)
	switch {
	case t.err == ErrStale:
		return wrote, 0, ErrStale
	case err == nil && t.err == nil && len(t.out) > 0: // the socket's buffer is full
		return s.turnSlowly(t, wrote)
	case !t.asked:
		return wrote, 0, s.explain("write", err, t.err)
	}
	return wrote, t.n, s.explain("read", err, t.err)
}

// turnSlowly ends a turn of which so much is written.
func (s *Socket) turnSlowly(t *turn, wrote int) (int, int, error) {
	more, err := s.Write(t.out)
	wrote += more
	if err != nil {
		return wrote, 0, err
	}
	s.in = call{p: t.in}
	err = s.raw.Read(s.read)
	n, failed := s.in.n, s.in.err
	s.in = call{}
	return wrote, n, s.explain("read", err, failed)
}

// end forgets what the turn was about.
func (t *turn) end() { t.out, t.in, t.n, t.asked, t.err = nil, nil, 0, false, nil }

// try is one call by the poller: the first when the turn begins, the others when
// there may be something to read.
func (t *turn) try(fd uintptr) (done bool) {
	if t.asked {
		t.n, t.err = Receive(fd, t.in)
		return t.err != ErrAgain
	}
	switch _, err := Receive(fd, t.in); err {
	case ErrAgain:
	default:
		t.err = ErrStale
		return true
	}
	for len(t.out) > 0 {
		n, err := send(fd, t.out)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			t.asked = true
			return true // Turn writes the rest
		case err != 0:
			t.err = os.NewSyscallError("write", err)
			return true
		}
		t.out = t.out[n:]
	}
	t.asked = true
	return false
}
