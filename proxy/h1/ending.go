package h1

import (
	"context"
	"sync"
	"time"
)

// Ending is a context that ends for a cause of its own, or with another one. What
// package context makes of the same takes a dozen allocations a request, most of
// which nobody looks at: here the channel is made when it is asked for, and who
// merely wants to be told is a field.
//
// Its error is the cause, which is what [context.Cause] makes of that. It has no
// values and no deadline; who embeds it may have. The zero value is a context that
// hasn't ended.
type Ending struct {
	parent context.Context // nil: none
	watch  Watch           // over parent
	heed   Heed            // nil: nobody cares

	mu      sync.Mutex
	cause   error         // nil: it hasn't ended
	done    chan struct{} // nil: nobody asked
	watcher Watcher
	hooks   []*hook
	unheard bool
}

// Heed is told that somebody begins to wait for a context's end: it is what makes
// it worth looking for.
type Heed interface {
	// Waited is called with the context's lock held, each time. It must not use the
	// context.
	Waited()
}

// hook is a call for when the context ends.
type hook struct{ f func() }

// endedAlready is the channel of those that had ended before anybody asked.
var endedAlready = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Follow lets it end with parent, at the latest. It is called once, before anybody
// else has the context.
func (e *Ending) Follow(parent context.Context) {
	e.mu.Lock() // the parent may end at once
	defer e.mu.Unlock()
	e.parent = parent
	e.watch.Begin(parent, e)
}

// Tell lets h be told, from now on, who waits; nil: nobody any more.
func (e *Ending) Tell(h Heed) {
	e.mu.Lock()
	e.heed = h
	e.mu.Unlock()
}

// ContextEnded is for when the parent has ended. It implements [Watcher].
func (e *Ending) ContextEnded() { e.End(context.Cause(e.parent)) }

// Cancel is [Ending.End] as a [context.CancelCauseFunc]: a nil cause is that of a
// matter of course, [context.Canceled].
func (e *Ending) Cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	e.End(cause)
}

// End ends it for a cause, which isn't nil. Once more does nothing, and says so.
func (e *Ending) End(cause error) (first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil {
		return false
	}
	e.cause = cause
	e.unheard = e.watch.End() && e.done == nil && e.watcher == nil && len(e.hooks) == 0
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
	return true
}

// Unheard says that nobody hears, or could have heard, that it has ended, and that
// it isn't about to hear of its parent's end. It is for who has called End.
func (e *Ending) Unheard() bool { return e.unheard }

// Deadline implements [context.Context].
func (e *Ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value implements [context.Context].
func (e *Ending) Value(any) any { return nil }

// Err implements [context.Context].
func (e *Ending) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause == nil && e.parent != nil && e.parent.Err() != nil { // it is being told
		return context.Cause(e.parent)
	}
	return e.cause
}

// Done implements [context.Context].
func (e *Ending) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done == nil {
		if e.cause != nil {
			return endedAlready
		}
		e.done = make(chan struct{})
		e.waited()
	}
	return e.done
}

// AfterFunc spares package context a goroutine for each child: see
// [context.AfterFunc].
func (e *Ending) AfterFunc(f func()) (stop func() bool) {
	h := &hook{f}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil {
		go f()
		return func() bool { return false }
	}
	e.hooks = append(e.hooks, h)
	e.waited()
	return func() bool { return e.unhook(h) }
}

func (e *Ending) unhook(h *hook) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, have := range e.hooks {
		if have == h {
			last := len(e.hooks) - 1
			e.hooks[i], e.hooks[last] = e.hooks[last], nil
			e.hooks = e.hooks[:last]
			return true
		}
	}
	return false
}

// Watch implements [Watched].
func (e *Ending) Watch(w Watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause != nil || e.watcher != nil {
		return false
	}
	e.watcher = w
	e.waited()
	return true
}

// Unwatch implements [Watched].
func (e *Ending) Unwatch(w Watcher) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watcher != w {
		return false
	}
	e.watcher = nil
	return true
}

func (e *Ending) waited() {
	if e.heed != nil {
		e.heed.Waited()
	}
}
