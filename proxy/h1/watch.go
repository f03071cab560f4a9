package h1

import "context"

// Watcher is told when a context ends.
type Watcher interface {
	// ContextEnded is called once, on a goroutine of its own, when a context that
	// is watched has ended.
	ContextEnded()
}

// Watched is implemented by contexts that tell one watcher of their end and
// spend nothing on it; package context makes an object and two closures each.
type Watched interface {
	// Watch lets w be told. False: there is a watcher already, or the context has
	// ended.
	Watch(w Watcher) bool
	// Unwatch lets w, the present watcher, be told no more. False: it has been
	// told, or is about to be.
	Unwatch(w Watcher) bool
}

// Watch is a watch over a context, by the shorter way where there is one. The
// zero value watches nothing.
type Watch struct {
	ctx     Watched // nil: stop ends it
	watcher Watcher
	stop    func() bool
}

// Begin begins to watch a context. A watch must end before another begins.
func (w *Watch) Begin(ctx context.Context, watcher Watcher) {
	if c, ok := ctx.(Watched); ok && c.Watch(watcher) {
		w.ctx, w.watcher = c, watcher
		return
	}
	if ctx.Done() != nil {
		w.stop = context.AfterFunc(ctx, watcher.ContextEnded)
	}
}

// End ends the watch. False: the watcher has been told, or is about to be.
func (w *Watch) End() (unheard bool) {
	unheard = true
	switch {
	case w.ctx != nil:
		unheard = w.ctx.Unwatch(w.watcher)
	case w.stop != nil:
		unheard = w.stop()
	}
	*w = Watch{}
	return unheard
}
