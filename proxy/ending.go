package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
)

// ending is the context of an exchange. It ends with the client's request, or
// earlier for a cause of its own. What package context makes of the same takes
// a dozen allocations a request, most of which nobody looks at: here the channel
// is made when it is asked for, and who merely wants to be told is a field.
//
// Its error is the cause, which is what [context.Cause] makes of that. It has no
// values.
type ending struct {
	parent context.Context
	watch  h1.Watch // over parent

	mu      sync.Mutex
	cause   error         // nil: it hasn't ended
	done    chan struct{} // nil: nobody asked
	watcher h1.Watcher
	hooks   []*hook
	unheard bool // it has ended, and nobody else was, or is being, told of that
}

// hook is a call for when the context ends.
type hook struct{ f func() }

// endedAlready is the channel of those that had ended before anybody asked.
var endedAlready = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// begin makes it the context of a request whose own is parent.
func (e *ending) begin(parent context.Context) {
	e.mu.Lock() // the parent may end at once
	defer e.mu.Unlock()
	e.parent = parent
	e.watch.Begin(parent, e)
}

// ContextEnded is for when the parent has ended. It implements [h1.Watcher].
func (e *ending) ContextEnded() { e.end(context.Cause(e.parent)) }

// cancel ends it, for a cause or as a matter of course. Once more does nothing.
func (e *ending) cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	e.end(cause)
}

func (e *ending) end(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil {
		return
	}
	e.cause = cause
	e.unheard = e.watch.End() && e.done == nil && e.watcher == nil
	if e.done != nil {
		close(e.done)
	}
	if e.watcher != nil {
		go e.watcher.ContextEnded()
	}
	for _, h := range e.hooks {
		go h.f()
	}
	e.watcher, e.hooks = nil, nil
}

// Deadline implements [context.Context]. The exchange's own is kept elsewhere,
// as it moves.
func (e *ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements [context.Context].
func (e *ending) Value(any) any { return nil }

// Err implements [context.Context].
func (e *ending) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause == nil && e.parent.Err() != nil { // it is being told
		return context.Cause(e.parent)
	}
	return e.cause
}

// Done implements [context.Context].
func (e *ending) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done == nil {
		if e.cause != nil {
			return endedAlready
		}
		e.done = make(chan struct{})
	}
	return e.done
}

// AfterFunc spares package context a goroutine for each child: see
// [context.AfterFunc].
func (e *ending) AfterFunc(f func()) (stop func() bool) {
	h := &hook{f}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil {
		go f()
		return func() bool { return false }
	}
	e.hooks = append(e.hooks, h)
	return func() bool { return e.unhook(h) }
}

func (e *ending) unhook(h *hook) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, have := range e.hooks {
		if have == h {
			e.hooks = append(e.hooks[:i], e.hooks[i+1:]...)
			return true
		}
	}
	return false
}

// Watch implements [h1.Watched].
func (e *ending) Watch(w h1.Watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil || e.watcher != nil {
		return false
	}
	e.watcher = w
	return true
}

// Unwatch implements [h1.Watched].
func (e *ending) Unwatch(w h1.Watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watcher != w {
		return false
	}
	e.watcher = nil
	return true
}
