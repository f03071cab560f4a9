package proxy

import (
	"net/http"
	"sync"
	"time"
)

// progress moves a deadline on a client's connection along with a transfer: it
// ends what stands still and leaves alone what is only slow.
//
// Over HTTP/1.1 it sets the connection's deadline, which counts only while a
// read or write is under way, and again after a quarter of its time at most,
// to spare a call per piece. It stays set behind an answer, and where that was
// lately, the next answer on the connection spares the call too. Over HTTP/2 a deadline ends the stream whenever it
// passes, also when nothing is under way, so there a timer runs between before
// and after. The timer must not outlive the exchange: end stops it for good.
type progress struct {
	limit  time.Duration
	set    func(time.Time) error
	h2     bool
	last   time.Time
	writes *clientConn // that is written to, and knows its deadline; nil: it isn't known

	mu    sync.Mutex
	timer *time.Timer
	armed bool
	due   time.Time
	rang  bool // the timer did, as it was set or stopped: stuck may be about to look
	ended bool
}

func newProgress(r *http.Request, limit time.Duration, set func(time.Time) error) *progress {
	return &progress{limit: limit, set: set, h2: r.ProtoMajor == 2}
}

// newWriteProgress is for an answer to a client. It is moved by set.
func newWriteProgress(x *exchange, set func(time.Time) error) *progress {
	g := newProgress(x.r, x.conn.timeouts.write, set)
	g.writes = x.conn
	return g
}

// before begins a read or write.
func (g *progress) before() {
	if g != nil && g.limit > 0 {
		g.beforeAt(time.Now())
	}
}

// beforeAt is before where the time is known.
func (g *progress) beforeAt(now time.Time) {
	if g.limit <= 0 {
		return
	}
	if !g.h2 {
		if g.last.IsZero() && g.writes != nil { // an answer before this one may have just moved it
			g.last = now.Add(g.writes.mayWriteFor(now) - g.limit)
		}
		if g.last.IsZero() || now.Sub(g.last) > g.limit/4 {
			g.last = now
			_ = g.set(now.Add(g.limit)) // a connection without deadlines has none to move
		}
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ended:
	case g.timer == nil:
		g.armed, g.due = true, now.Add(g.limit)
		g.timer = time.AfterFunc(g.limit, g.stuck)
	default:
		g.disarm()
		g.armed, g.due = true, now.Add(g.limit)
		g.timer.Reset(g.limit)
	}
}

// after ends it.
func (g *progress) after() {
	if g == nil || !g.h2 || g.limit <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.disarm()
}

// disarm stops the timer. The lock must be held.
func (g *progress) disarm() {
	if g.armed && !g.timer.Stop() {
		g.rang = true
	}
	g.armed = false
}

func (g *progress) stuck() {
	g.mu.Lock()
	defer g.mu.Unlock()
	// The timer may have fired just as the transfer it was for had ended, and
	// the next begun.
	if now := time.Now(); g.armed && !g.ended && !now.Before(g.due) {
		_ = g.set(now)
	}
}

// lift takes the deadline away.
func (g *progress) lift() {
	g.after()
	if !g.h2 && !g.last.IsZero() {
		g.last = time.Time{}
		_ = g.set(time.Time{})
	}
}

// end is for when the exchange is over and its connection may not be touched.
func (g *progress) end() {
	if !g.h2 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	g.disarm()
}

// unheard says, behind end, whether the timer never rang: nobody but the
// exchange's own goroutine looks at it any more.
func (g *progress) unheard() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.rang
}
