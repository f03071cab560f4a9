package coalesce

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// flight is the fetches of one key, one after the other until one succeeds, and
// those who read them.
type flight[K comparable, H any] struct {
	g   *Group[K, H]
	key K

	lock    sync.Mutex
	readers list.List // of *Reader[H], in the order in which they joined
	waiters int       // readers besides the first
	changed signal    // for readers: there is more to know
	room    signal    // for the fetch: somebody read on, or left

	owner    *Reader[H] // whose fetch it is at present
	cancel   context.CancelFunc
	failures int
	failed   error // of the present fetch, before its response began

	closed  bool  // nobody joins any more
	began   bool  // head is known
	kept    bool  // whole, for those who join and for storing
	crowded bool  // it isn't, as there was no room
	done    bool  // the body is complete
	landed  bool  // no fetch will follow
	err     error // why there is no more, for all

	idle  time.Duration // how long fetches have waited for their turn
	since time.Time     // since when the present one does; zero: it doesn't

	earlier []H // what the present fetch had to say before
	head    H
	size    int64 // of the body as declared, -1 if it wasn't
	buf     buffer
	counted int64 // what it has in the group's books
}

func newFlight[K comparable, H any](g *Group[K, H], key K) *flight[K, H] {
	return &flight[K, H]{g: g, key: key, kept: true, size: -1, buf: newBuffer()}
}

// join adds a reader, who starts with the first byte. The lock is held, or
// nobody else knows f yet.
func (f *flight[K, H]) join(ctx context.Context, fetch Fetch[H]) *Reader[H] {
	r := &Reader[H]{ctx: ctx, from: f, fetch: fetch}
	r.element = f.readers.PushBack(r)
	f.buf.counts[0]++
	return r
}

// fly runs one fetch after the other. It ends when one succeeded, or nobody
// is left for another.
func (f *flight[K, H]) fly(r *Reader[H]) {
	defer f.land()
	for r != nil {
		f.attempt(r)
		r = f.takeover()
	}
}

// land sees to it that nobody waits in vain, also when a fetch ended its goroutine.
func (f *flight[K, H]) land() {
	f.lock.Lock()
	if !f.done && f.err == nil {
		f.end(ErrNoAnswer)
	}
	f.closed, f.landed, f.kept = true, true, false
	f.g.kept.Add(-f.counted)
	f.counted = 0
	f.freed()
	f.lock.Unlock()
	f.g.forget(f)
}

// attempt runs the fetch of r and sees to it that all hear what came of it.
func (f *flight[K, H]) attempt(r *Reader[H]) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	defer cancel()
	f.lock.Lock()
	f.owner, f.cancel, f.failed, f.earlier, f.since = r, cancel, nil, nil, time.Time{}
	f.lock.Unlock()
	err := f.run(ctx, r.fetch)

	f.lock.Lock()
	defer f.lock.Unlock()
	switch {
	case err != nil:
		f.end(err)
	case f.done || f.err != nil:
	case f.began:
		f.end(fmt.Errorf("%w: %w", ErrTruncated, ErrNoAnswer))
	default:
		if f.failed == nil {
			f.failed = ErrNoAnswer
		}
		f.drop(r, f.failed)
		f.changed.tell()
	}
}

// run contains a fetch that panics: it must not end the process, nor leave
// anybody waiting.
func (f *flight[K, H]) run(ctx context.Context, fetch Fetch[H]) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		p := &PanicError{recover(), debug.Stack()}
		f.g.opt.Panicked(f.key, p)
		err = p
	}()
	fetch(ctx, &Fill[H]{f, ctx})
	returned = true
	return nil
}

// takeover waits a while after a fetch that failed and picks who is next: who
// has waited longest. Nobody, if it didn't fail, or too often.
func (f *flight[K, H]) takeover() *Reader[H] {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.done && f.err == nil {
		if f.failures++; f.failures >= f.g.opt.MaxFailures {
			f.end(f.failed)
		} else if f.oldest() != nil {
			pause := time.NewTimer(f.g.opt.Pause(f.failures))
			f.lock.Unlock()
			<-pause.C
			f.lock.Lock()
			if r := f.oldest(); r != nil {
				f.g.counts.takeovers.Add(1)
				f.g.counts.fetches.Add(1)
				return r
			}
		}
	}
	f.closed = true
	return nil
}

// oldest is the first reader who still waits.
func (f *flight[K, H]) oldest() *Reader[H] {
	for e := f.readers.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*Reader[H]); r.ctx.Err() == nil {
			return r
		}
	}
	return nil
}

// end tells all that there won't be more.
func (f *flight[K, H]) end(err error) {
	f.err, f.closed = err, true
	f.changed.tell()
}

// drop takes r out, because of err. It is then told so when it asks, and nobody
// waits for it.
func (f *flight[K, H]) drop(r *Reader[H], err error) {
	if r.element == nil {
		return
	}
	f.readers.Remove(r.element)
	r.element, r.err = nil, err
	f.buf.counts[r.at-f.buf.first]--
	f.freed()
	if f.readers.Len() == 0 && !f.kept {
		f.cancel() // nobody reads it, and it isn't stored
	}
}

// freed lets go of what all have read, if it needn't be kept whole.
func (f *flight[K, H]) freed() {
	if !f.kept {
		f.buf.trim()
		if f.landed && f.readers.Len() == 0 {
			f.buf = newBuffer()
		}
		f.account()
	}
	f.room.tell()
}

// account keeps the group's books of what isn't kept whole: while it is under way,
// what is beyond a window, which every answer has that is passed on; in the end
// all that somebody has yet to read.
func (f *flight[K, H]) account() {
	book, now := &f.g.kept, f.buf.held
	if f.landed {
		book = &f.g.behind
	} else if now <= int64(f.g.opt.Window) {
		now = 0
	}
	book.Add(now - f.counted)
	f.counted = now
}

// fits takes room for n bytes altogether, if it is kept whole.
func (f *flight[K, H]) fits(n int64) bool {
	more := n - f.counted
	if more > 0 {
		if !f.g.take(more, n) {
			return false
		}
		f.counted = n
	}
	return true
}

// oversize turns to a window of the body instead of all of it.
func (f *flight[K, H]) oversize() {
	f.g.counts.oversized.Add(1)
	f.g.opt.Oversized(f.key)
	f.pass()
}

// crowd does so for want of room.
func (f *flight[K, H]) crowd() {
	f.g.counts.crowded.Add(1)
	f.crowded = true
	f.pass()
}

func (f *flight[K, H]) pass() {
	f.closed, f.kept = true, false
	f.freed()
}

// window is how many bytes are held for the readers of what isn't kept whole. It is
// two pieces at least, as the last one isn't let go.
func (f *flight[K, H]) window() int64 {
	all := f.g.opt.Window
	if f.readers.Len() <= 1 {
		all /= 2
	}
	return int64(max(all, 2))
}

// spare is room for more of the body. In a window it waits for readers.
func (f *flight[K, H]) spare(ctx context.Context) ([]byte, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.began {
		return nil, errors.New("coalesce: written before Start or Pass")
	}
	if tail := f.buf.tail(); len(tail) > 0 && f.err == nil && (f.kept || f.readers.Len() > 0) {
		return tail, nil
	}
	n := f.buf.next(f.size, f.g.opt.Window/4)
	if f.kept && !f.fits(f.buf.held+int64(n)) {
		f.crowd()
	}
	for !f.kept && f.err == nil && f.readers.Len() > 0 && f.buf.held+int64(n) > f.window() {
		if err := f.await(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case !f.kept && f.readers.Len() == 0:
		return nil, ErrAbandoned
	}
	return f.buf.grow(n), nil
}

// await waits until somebody read on or left, for as long as patience lasts.
// Then those who are furthest behind are let go, unless all are.
func (f *flight[K, H]) await(ctx context.Context) error {
	lasts := f.g.opt.Patience
	if f.crowded {
		lasts *= 10
	}
	patience := time.NewTimer(lasts)
	defer patience.Stop()
	behind := f.buf.first
	for f.buf.first == behind && f.readers.Len() > 0 {
		room := f.room.wait()
		f.lock.Unlock()
		var late bool
		select {
		case <-room:
		case <-patience.C:
			late = true
		case <-ctx.Done():
		}
		f.lock.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if late {
			f.letGo()
			return nil
		}
	}
	return nil
}

// letGo drops the readers who are furthest behind, if others are ahead of them.
func (f *flight[K, H]) letGo() {
	if f.buf.counts[0] == f.readers.Len() {
		return
	}
	behind := f.buf.first // moves with the last who is dropped
	for e := f.readers.Front(); e != nil; {
		r := e.Value.(*Reader[H])
		e = e.Next()
		if r.at == behind {
			f.g.counts.slow.Add(1)
			f.drop(r, ErrTooSlow)
		}
	}
	f.changed.tell()
}

// publish makes n more bytes, which were written to spare, known.
func (f *flight[K, H]) publish(n int) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.buf.publish(n)
	if f.kept && f.buf.size > f.g.opt.MaxObject {
		f.oversize()
	}
	f.changed.tell()
}
