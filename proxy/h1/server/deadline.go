package server

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// deadline is one that is noted, and the earlier one that the runtime knows, as
// package clock has them; 0: none.
//
// Deadlines move with every request and every piece of a body, nearly always to
// a later time, and nearly none of them is ever met. To tell the runtime of each
// costs a lock and a timer. So a later deadline is only noted: when the one that
// the runtime knows has come, whoever was waiting looks at the note, and waits
// on. An earlier one is set at once.
type deadline struct {
	mu   sync.Mutex
	want time.Duration
	set  time.Duration
	own  bool // want is bound's
}

// move makes t the deadline.
func (d *deadline) move(t time.Time, set func(time.Time) error) error {
	at := time.Duration(0)
	if !t.IsZero() {
		at = clock.Since(t)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = false
	return d.note(at, set)
}

// within makes it a limit from now.
func (d *deadline) within(limit time.Duration, set func(time.Time) error) error {
	at := clock.Now() + limit
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = false
	return d.note(at, set)
}

// bound makes it a limit from now, unless it is somebody else's.
func (d *deadline) bound(limit time.Duration, set func(time.Time) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.own || d.want == 0 {
		d.own = true
		_ = d.note(clock.Now()+limit, set) // a connection without deadlines has none to meet
	}
}

func (d *deadline) note(at time.Duration, set func(time.Time) error) error {
	d.want = at
	if at == 0 || d.set != 0 && at >= d.set {
		return nil
	}
	return d.tell(at, set)
}

// tell tells the runtime.
func (d *deadline) tell(at time.Duration, set func(time.Time) error) error {
	d.set = at
	if at == 0 {
		return set(time.Time{})
	}
	return set(clock.At(at))
}

// again says whether err is of a deadline that was moved since it was set, which
// it sets then.
func (d *deadline) again(err error, set func(time.Time) error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.want != 0 && d.want <= clock.Now() {
		return false
	}
	return d.tell(d.want, set) == nil
}

// forget takes it off. The runtime must be told.
func (d *deadline) forget() {
	d.mu.Lock()
	d.want, d.set, d.own = 0, 0, false
	d.mu.Unlock()
}
