package server

import (
	"context"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// requestContext is a request's context: it ends with the request, or when its
// client leaves. What net/http's needs three allocations for is part of the
// exchange here. And it knows whether anybody waits for its end: only then is
// the client worth watching.
type requestContext struct {
	base context.Context // the connection's: values only
	x    *exchange

	mu    sync.Mutex
	err   error
	done  chan struct{} // nil: nobody asked
	hooks []*afterFunc

	watcher h1.Watcher
}

// afterFunc is a call that was asked for when the context ends.
type afterFunc struct{ f func() }

// closedDone is the channel of contexts that had ended before anybody asked.
var closedDone = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Deadline implements [context.Context]: there is none.
func (c *requestContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements [context.Context].
func (c *requestContext) Value(key any) any { return c.base.Value(key) }

// Err implements [context.Context].
func (c *requestContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done implements [context.Context].
func (c *requestContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.err != nil {
			return closedDone
		}
		c.done = make(chan struct{})
		c.x.watch()
	}
	return c.done
}

// AfterFunc lets package context add children without a goroutine each: f is
// called on its own goroutine when the context ends. See [context.AfterFunc].
func (c *requestContext) AfterFunc(f func()) (stop func() bool) {
	h := &afterFunc{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.hooks = append(c.hooks, h)
	c.x.watch()
	return func() bool { return c.unhook(h) }
}

func (c *requestContext) unhook(h *afterFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, have := range c.hooks {
		if have == h {
			last := len(c.hooks) - 1
			c.hooks[i], c.hooks[last] = c.hooks[last], nil
			c.hooks = c.hooks[:last]
			return true
		}
	}
	return false
}

// cancel ends the context. Once more does nothing. unheard: it had not ended, and
// nobody hears, or could have heard, that it has.
func (c *requestContext) cancel(err error) (unheard bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.err = err
	unheard = c.done == nil && c.watcher == nil && c.hooks == nil
	if c.done != nil {
		close(c.done)
	}
	if c.watcher != nil {
		go c.watcher.ContextEnded()
	}
	for _, h := range c.hooks {
		go h.f()
	}
	c.watcher, c.hooks = nil, nil
	return unheard
}

// Watch implements [h1.Watched].
func (c *requestContext) Watch(w h1.Watcher) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.watcher != nil {
		return false
	}
	c.watcher = w
	c.x.watch()
	return true
}

// Unwatch implements [h1.Watched].
func (c *requestContext) Unwatch(w h1.Watcher) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watcher != w {
		return false
	}
	c.watcher = nil
	return true
}
