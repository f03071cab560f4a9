package h1

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errLate = errors.New("too late")

// hearer counts how often it was told of an end.
type hearer struct{ times atomic.Int32 }

func (w *hearer) ContextEnded() { w.times.Add(1) }

// TestEnding plays each way in which an exchange's context ends, next to what
// package context makes of the same: both must look alike to who holds them.
func TestEnding(t *testing.T) {
	late, left := errors.New("late"), errors.New("left")
	for name, tc := range map[string]struct {
		play func(parent, own context.CancelCauseFunc)
		want error
	}{
		"by itself":              {func(_, own context.CancelCauseFunc) { own(late) }, late},
		"as a matter of course":  {func(_, own context.CancelCauseFunc) { own(nil) }, context.Canceled},
		"with its parent":        {func(parent, _ context.CancelCauseFunc) { parent(left) }, left},
		"by itself, then parent": {func(parent, own context.CancelCauseFunc) { own(late); parent(left) }, late},
		"with its parent, then itself": {func(parent, own context.CancelCauseFunc) {
			parent(left)
			synctest.Wait()
			own(late)
		}, left},
	} {
		for _, ours := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					above, endAbove := context.WithCancelCause(t.Context())
					e := &Ending{}
					var ctx context.Context = e
					end := e.Cancel
					if ours {
						e.Follow(above)
					} else {
						ctx, end = context.WithCancelCause(above)
					}
					var watcher hearer
					if ours && !e.Watch(&watcher) {
						t.Fatal("nobody watches it, and nobody may")
					}
					var calls atomic.Int32
					context.AfterFunc(ctx, func() { calls.Add(1) })
					kept := context.AfterFunc(ctx, func() { t.Error("called although it was stopped") })
					child, stop := context.WithTimeoutCause(ctx, time.Hour, late)
					defer stop()
					if ctx.Err() != nil || context.Cause(ctx) != nil || !kept() {
						t.Error("it has ended before it ends")
					}
					tc.play(endAbove, end)
					<-ctx.Done()
					<-child.Done()
					synctest.Wait()
					if got := context.Cause(ctx); got != tc.want {
						t.Errorf("the cause is %v, want %v", got, tc.want)
					}
					if got := context.Cause(child); got != tc.want {
						t.Errorf("a child's cause is %v, want %v", got, tc.want)
					}
					if ctx.Err() == nil || calls.Load() != 1 {
						t.Errorf("error %v; %d calls", ctx.Err(), calls.Load())
					}
					if ours && (watcher.times.Load() != 1 || e.Unwatch(&watcher) || e.Watch(&watcher)) {
						t.Errorf("the watcher was told %d times", watcher.times.Load())
					}
					context.AfterFunc(ctx, func() { calls.Add(1) })
					synctest.Wait()
					if calls.Load() != 2 {
						t.Error("who comes late isn't told")
					}
					end(nil)
					endAbove(nil)
				})
			})
		}
	}
}

// TestEndingIsRaced ends contexts and their watches at once: a watcher is told
// once, or has been let go, never both.
func TestEndingIsRaced(t *testing.T) {
	for range 2000 {
		above, endAbove := context.WithCancel(t.Context())
		e := &Ending{}
		e.Follow(above)
		var watcher hearer
		watched := e.Watch(&watcher)
		unheard := false
		var wg sync.WaitGroup
		wg.Go(endAbove)
		wg.Go(func() { e.Cancel(errLate) })
		wg.Go(func() { unheard = watched && e.Unwatch(&watcher) })
		wg.Go(func() { <-e.Done() })
		wg.Wait()
		if context.Cause(e) != errLate && context.Cause(e) != context.Canceled {
			t.Fatalf("the cause is %v", context.Cause(e))
		}
		if unheard && watcher.times.Load() > 0 {
			t.Fatal("told, and let go")
		}
	}
}

// TestEndingAllocations: a context that nobody asks for its channel costs what
// its parent takes to know of it.
func TestEndingAllocations(t *testing.T) {
	above := &Ending{}
	above.Follow(t.Context())
	defer above.Cancel(nil)
	e := make([]Ending, 101)
	n := 0
	var watcher hearer
	if allocs := testing.AllocsPerRun(100, func() {
		e[n].Follow(above)
		if !e[n].Watch(&watcher) || !e[n].Unwatch(&watcher) {
			t.Fatal("not watched")
		}
		e[n].Cancel(nil)
		n++
	}); allocs > 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
