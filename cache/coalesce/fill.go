package coalesce

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Fill is where a fetch puts its response. Its methods must not be called
// concurrently, nor after the fetch returned.
type Fill[H any] struct {
	to  sink[H]
	ctx context.Context
}

// sink is the flight: fills don't depend on the key's type.
type sink[H any] interface {
	early(head H)
	idles(since, now time.Time)
	reserve(size int64) bool
	begin(head H, size int64, shared bool)
	fail(err error)
	release(reason error)
	spare(ctx context.Context) ([]byte, error)
	publish(n int)
	left() int64
	finish(err error) ([][]byte, bool)
}

// Early tells the fetch's own client of what comes before the response: an
// interim one. All others hear nothing of it. Only before Start or Pass.
func (f *Fill[H]) Early(head H) { f.to.early(head) }

// Reserve takes room to keep a response whole that is to be started, with a body
// of size bytes, or -1. If there is none it returns false, and the response
// won't be given back for storing. Start does it too; who says in the
// response's head whether it is stored asks before.
func (f *Fill[H]) Reserve(size int64) bool { return f.to.reserve(size) }

// Idle says that from now on the fetch waits for its turn, and Busy that it does
// no longer: then nobody is slow to answer it. See [Reader.Idled].
func (f *Fill[H]) Idle(now time.Time) { f.to.idles(now, now) }

// Busy ends what Idle began.
func (f *Fill[H]) Busy(now time.Time) { f.to.idles(time.Time{}, now) }

// Start begins a response that all may have. size is the length of the body as
// declared, or -1; a body of another length is no whole one.
func (f *Fill[H]) Start(head H, size int64) { f.to.begin(head, size, true) }

// Pass begins a response that only this fetch's own client may have. All others
// get ErrUncacheable, so what makes the next ones not wait should be noted
// before.
func (f *Fill[H]) Pass(head H, size int64) { f.to.begin(head, size, false) }

// Fail says that there is no response. Its own client gets err; another's fetch
// is next. Only before Start or Pass.
func (f *Fill[H]) Fail(err error) { f.to.fail(err) }

// Release sends all away with reason, its own client included: to look in the
// store, for example. Only before Start or Pass.
func (f *Fill[H]) Release(reason error) { f.to.release(reason) }

// Write adds to the body, copying p. It waits for readers only when the body is
// too large to be kept whole.
func (f *Fill[H]) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if f.to.left() == 0 {
			return n, f.tooLong()
		}
		room, err := f.to.spare(f.ctx)
		if err != nil {
			return n, err
		}
		m := copy(room, p)
		f.to.publish(m)
		n, p = n+m, p[m:]
	}
	return n, nil
}

// ReadFrom adds all of r to the body, without copying.
func (f *Fill[H]) ReadFrom(r io.Reader) (n int64, err error) {
	for empty := 0; ; {
		var beyond [1]byte
		room := beyond[:]
		declared := f.to.left()
		if declared != 0 {
			if room, err = f.to.spare(f.ctx); err != nil {
				return n, err
			}
		}
		m, err := r.Read(room)
		switch {
		case m > 0 && declared == 0:
			return n, f.tooLong()
		case m > 0:
			f.to.publish(m)
			n, empty = n+int64(m), 0
		case err == nil:
			if empty++; empty == 100 {
				return n, io.ErrNoProgress
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (f *Fill[H]) tooLong() error {
	err := fmt.Errorf("%w: it is longer than declared", ErrTruncated)
	f.to.finish(err)
	return err
}

// Finish ends the body: completely if err is nil and it has its declared length,
// else all are told that it was cut off. It returns the body in chunks, for
// storing, if it is whole and was kept.
func (f *Fill[H]) Finish(err error) (body [][]byte, whole bool) { return f.to.finish(err) }

func (f *flight[K, H]) early(head H) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.began && f.err == nil {
		f.earlier = append(f.earlier, head)
		f.changed.tell()
	}
}

func (f *flight[K, H]) idles(since, now time.Time) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.idle += f.idling(now)
	f.since = since
}

// idling is how long the present fetch has been waiting for its turn.
func (f *flight[K, H]) idling(now time.Time) time.Duration {
	if f.since.IsZero() {
		return 0
	}
	return max(now.Sub(f.since), 0)
}

func (f *flight[K, H]) reserve(size int64) bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	switch {
	case f.began || f.err != nil || !f.kept || size > f.g.opt.MaxObject:
		return false
	case size < 0 && !f.fits(minChunk), size >= 0 && !f.fits(size):
		f.crowd()
		return false
	}
	return true
}

func (f *flight[K, H]) begin(head H, size int64, shared bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.began || f.err != nil {
		return
	}
	f.began, f.head, f.size = true, head, max(size, -1)
	switch {
	case !shared:
		f.closed, f.kept = true, false
		for e := f.readers.Front(); e != nil; {
			r := e.Value.(*Reader[H])
			e = e.Next()
			if r != f.owner {
				f.drop(r, ErrUncacheable)
			}
		}
		f.freed()
		if f.readers.Len() == 0 {
			f.cancel()
		}
	case size > f.g.opt.MaxObject:
		f.oversize()
	case f.kept && !f.fits(size):
		f.crowd()
	}
	f.changed.tell()
}

func (f *flight[K, H]) fail(err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.began && err != nil {
		f.failed = err
	}
}

func (f *flight[K, H]) release(reason error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if !f.began && f.err == nil {
		f.end(reason)
	}
}

// left is how much of the declared length is to come, -1 if none was declared.
func (f *flight[K, H]) left() int64 {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.size < 0 {
		return -1
	}
	return f.size - f.buf.size
}

func (f *flight[K, H]) finish(err error) ([][]byte, bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.done || f.err != nil {
		return nil, false
	}
	switch {
	case err != nil:
		f.end(cutOff(err))
		return nil, false
	case !f.began:
		f.failed = ErrNoAnswer
		return nil, false
	case f.size >= 0 && f.buf.size != f.size:
		f.end(fmt.Errorf("%w: %d bytes of %d", ErrTruncated, f.buf.size, f.size))
		return nil, false
	}
	f.done = true
	f.changed.tell()
	if !f.kept {
		return nil, false
	}
	return f.buf.whole(), true
}
