package connections

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pool holds the connections to one endpoint. HTTP/1.1 connections serve one
// request at a time and are used again last-in-first-out, so that a quiet
// hour lets the surplus age out. HTTP/2 connections are shared as far as the
// upstream allows streams; a further one is opened beyond that, by one
// request for all that wait.
type Pool struct {
	// Dial opens a connection, of HTTP/1.1 where it is asked for. One that fails
	// calls Forget.
	Dial   func(ctx context.Context, h1only bool) (*Conn, error)
	max    int           // connections; 0: unlimited
	idle   time.Duration // how long an unused one is kept
	budget *Budget

	mu      sync.Mutex
	open    int      // connections open or being opened
	free    []*Conn  // idle HTTP/1.1 connections, the newest last
	shared  []*Conn  // HTTP/2 connections
	prefers bool     // the endpoint spoke HTTP/2 when last asked
	opening *opening // an HTTP/2 connection on its way
	waiters []waiter
	timer   *time.Timer // sweeps while connections are open; nil when none is due
	retired bool

	// looking counts requests that look for a connection, from before they look
	// until they have one or wait: what changes meanwhile must wake them. The
	// connections' own lock is held when they tell of a change, and ours when we
	// ask them, so they can only be listened to without it.
	looking atomic.Int32
	waiting atomic.Int32 // len(waiters)
}

// waiter is a request that waits for its turn.
type waiter struct {
	turn   chan struct{}
	h1only bool
}

// opening is a connection being opened on behalf of all who wait for it.
type opening struct {
	done chan struct{}
	err  error
}

// Get returns a connection for one request, and whether it was used before.
// h1only asks for HTTP/1.1, for upgrades.
func (p *Pool) Get(ctx context.Context, h1only bool) (c *Conn, reused bool, err error) {
	turned := false
	for {
		c, w := p.take(h1only)
		if c != nil {
			if turned && c.H2 { // its turn was for opening one: the next may
				p.mu.Lock()
				p.wake()
				p.mu.Unlock()
			}
			return c, true, nil
		}
		switch {
		case w.opening != nil:
			select {
			case <-w.opening.done:
				if w.opening.err != nil {
					return nil, false, w.opening.err
				}
				continue
			case <-ctx.Done():
				return nil, false, context.Cause(ctx)
			}
		case w.turn != nil:
			select {
			case <-w.turn:
				turned = true
				continue
			case <-ctx.Done():
				p.leave(w.turn)
				return nil, false, context.Cause(ctx)
			}
		}
		c, err := p.Dial(ctx, h1only)
		if err != nil {
			return nil, false, err
		}
		if !c.H2 {
			return c, false, nil
		}
		if err := p.share(c); err != nil {
			return nil, false, err
		}
		return c, false, nil
	}
}

// wait is what a request without a connection has to wait for; neither field
// set means that it may open one itself.
type wait struct {
	opening *opening
	turn    chan struct{}
}

func (p *Pool) take(h1only bool) (*Conn, wait) {
	p.looking.Add(1)
	defer p.looking.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !h1only {
		p.shared = slices.DeleteFunc(p.shared, func(c *Conn) bool { return c.cc.Err() != nil })
		for _, c := range p.shared {
			if c.cc.Reserve() == nil {
				c.lastUsed = time.Now()
				return c, wait{}
			}
		}
	}
	for len(p.free) > 0 {
		last := len(p.free) - 1
		c := p.free[last]
		p.free[last] = nil
		p.free = p.free[:last]
		p.mu.Unlock() // take may close c, which comes back to forget
		ok := c.take()
		p.mu.Lock()
		if ok {
			return c, wait{}
		}
	}
	if !h1only && p.opening != nil {
		return nil, wait{opening: p.opening}
	}
	if p.max > 0 && p.open >= p.max {
		if h1only {
			p.dropIdleShared()
		}
		turn := make(chan struct{}, 1)
		p.waiters = append(p.waiters, waiter{turn, h1only})
		p.waiting.Store(int32(len(p.waiters)))
		return nil, wait{turn: turn}
	}
	p.open++
	if !h1only && p.prefers {
		o := &opening{done: make(chan struct{})}
		p.opening = o
		go p.openShared(o)
		return nil, wait{opening: o}
	}
	return nil, wait{}
}

// openShared opens an HTTP/2 connection for whoever waits. It isn't bound to
// one request's context: the others would fail when that one's client left.
func (p *Pool) openShared(o *opening) {
	c, err := p.Dial(context.Background(), false)
	if err == nil && c.H2 {
		if c.cc.Reserve() != nil { // or all who wait would open one after the other
			c.cc.Close()
			err = errNoStream
		} else {
			c.cc.Release()
			c.cc.SetStateHook(p.stateChanged)
		}
	}
	p.mu.Lock()
	p.opening = nil
	if err != nil {
		o.err = err
	} else {
		p.prefers = c.H2
		if c.H2 {
			c.lastUsed = time.Now()
			p.shared = append(p.shared, c)
			p.wakeShared()
			p.arm()
		}
	}
	p.mu.Unlock()
	if err == nil && !c.H2 {
		c.Release(true, time.Time{}) // the endpoint changed its mind: now HTTP/1.1
	}
	close(o.done)
}

// share enters a new HTTP/2 connection, with one stream reserved for its opener.
func (p *Pool) share(c *Conn) error {
	if c.cc.Reserve() != nil {
		c.cc.Close()
		return errNoStream
	}
	c.cc.SetStateHook(p.stateChanged) // before anybody can use it: no change may go unheard
	p.mu.Lock()
	p.prefers = true
	c.lastUsed = time.Now()
	p.shared = append(p.shared, c)
	p.wakeShared()
	p.arm()
	p.mu.Unlock()
	return nil
}

// put takes an idle HTTP/1.1 connection back, at now; zero: at present.
func (p *Pool) put(c *Conn, now time.Time) {
	if now.IsZero() {
		now = time.Now()
	}
	p.mu.Lock()
	if p.retired {
		p.mu.Unlock()
		c.Close()
		return
	}
	c.lastUsed = now
	p.free = append(p.free, c)
	p.wake()
	p.arm()
	p.mu.Unlock()
}

// stateChanged hears of HTTP/2 connections whose streams ended or that closed,
// perhaps from within a call that holds the pool's lock.
func (p *Pool) stateChanged(*http.ClientConn) {
	if p.max == 0 || (p.looking.Load() == 0 && p.waiting.Load() == 0) {
		return
	}
	go func() {
		p.mu.Lock()
		p.wakeShared()
		if len(p.waiters) > 0 { // upgrades, all of them
			p.dropIdleShared()
		}
		p.mu.Unlock()
	}()
}

// Forget counts a connection that has closed, or that could not be opened.
func (p *Pool) Forget() {
	p.mu.Lock()
	p.open--
	p.wake()
	p.mu.Unlock()
}

// wake lets the longest waiting request look again. The lock must be held.
func (p *Pool) wake() {
	if len(p.waiters) > 0 {
		p.waiters[0].turn <- struct{}{}
		p.waiters = p.waiters[1:]
		p.waiting.Store(int32(len(p.waiters)))
	}
}

// wakeShared lets all look again that an HTTP/2 connection can serve: it has
// room for many at once. The lock must be held.
func (p *Pool) wakeShared() {
	p.waiters = slices.DeleteFunc(p.waiters, func(w waiter) bool {
		if !w.h1only {
			w.turn <- struct{}{}
		}
		return !w.h1only
	})
	p.waiting.Store(int32(len(p.waiters)))
}

// dropIdleShared closes an HTTP/2 connection without streams, if there is one,
// in favour of an upgrade, which can't use it. The lock must be held.
func (p *Pool) dropIdleShared() {
	for i, c := range p.shared {
		if c.cc.InFlight() == 0 {
			p.shared = slices.Delete(p.shared, i, i+1)
			go c.cc.Close() // comes back to forget, which wants the lock
			return
		}
	}
}

// leave takes a waiting request out. If its turn had come already, the next
// one gets it.
func (p *Pool) leave(turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.waiters, func(w waiter) bool { return w.turn == turn }); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
		p.waiting.Store(int32(len(p.waiters)))
		return
	}
	p.wake()
}

// arm sets the next sweep, if none is due. The lock must be held.
func (p *Pool) arm() {
	if p.timer == nil {
		p.timer = time.AfterFunc(min(max(p.idle/4, 10*time.Millisecond), time.Second), p.sweep)
	}
}

// sweep closes connections that nobody has used for the idle time, and those
// that have ended meanwhile.
func (p *Pool) sweep() {
	now := time.Now()
	var old []*Conn
	stale := func(c *Conn) bool {
		if c.H2 && c.cc.InFlight() > 0 {
			c.lastUsed = now
			return false
		}
		// Of those without a reader, nobody else notices that they have ended.
		if now.Sub(c.lastUsed) < p.idle && (c.lean == nil || c.fresh()) {
			return false
		}
		old = append(old, c)
		return true
	}
	p.mu.Lock()
	p.free = slices.DeleteFunc(p.free, stale)
	p.shared = slices.DeleteFunc(p.shared, stale)
	p.timer = nil
	if len(p.free)+len(p.shared) > 0 {
		p.arm()
	}
	p.mu.Unlock()
	for _, c := range old {
		c.Close()
	}
}

// evict closes the connection that has been idle for longest, if there is one.
func (p *Pool) evict() bool {
	p.mu.Lock()
	var c *Conn
	if len(p.free) > 0 {
		c = p.free[0]
		p.free = slices.Delete(p.free, 0, 1)
	} else if i := slices.IndexFunc(p.shared, func(c *Conn) bool { return c.cc.InFlight() == 0 }); i >= 0 {
		c = p.shared[i]
		p.shared = slices.Delete(p.shared, i, i+1)
	}
	p.mu.Unlock()
	if c == nil {
		return false
	}
	c.Close()
	return true
}

// Retire closes what is idle, now and as it becomes so. Requests that still
// come are served, on connections that don't outlive them for long.
func (p *Pool) Retire() {
	p.budget.leave(p)
	p.mu.Lock()
	p.retired = true
	p.idle = 0
	p.mu.Unlock()
	p.sweep()
}

// Count counts the open ones.
func (p *Pool) Count() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.open)
}

// Waits counts the requests that wait for their turn.
func (p *Pool) Waits() int { return int(p.waiting.Load()) }
