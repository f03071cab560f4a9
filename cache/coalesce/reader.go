package coalesce

import (
	"container/list"
	"context"
	"io"
	"time"
)

// Reader is a request's part in a fetch. Its methods must not be called
// concurrently.
type Reader[H any] struct {
	ctx   context.Context
	from  source[H]
	fetch Fetch[H]

	// Guarded by the flight's lock.
	element *list.Element // nil when it was dropped or closed
	err     error         // why it was dropped
	earlier int           // how much it got of what came before the header
	at      int           // number of the chunk that it is at
	off     int           // bytes of it that it got
	waits   bool          // counts as a waiter; never changes
	closed  bool
}

// source is the flight: readers don't depend on the key's type.
type source[H any] interface {
	awaitHead(r *Reader[H]) (head H, early bool, err error)
	awaitBytes(r *Reader[H]) ([]byte, error)
	led(r *Reader[H]) bool
	idled(now time.Time) time.Duration
	leave(r *Reader[H])
}

// Head waits until the response's header is known. The error is the end of the
// request's context, or one of this package, or what a fetch said.
func (r *Reader[H]) Head() (H, error) {
	for {
		if head, early, err := r.Early(); !early {
			return head, err
		}
	}
}

// Early is like Head, and also returns, each in its turn and marked as early, what
// the request's own fetch had to say before ([Fill.Early]).
func (r *Reader[H]) Early() (head H, early bool, err error) { return r.from.awaitHead(r) }

// Next waits for more of the body. What it returns is shared, must not be
// changed, and stays valid. Only after the last byte of a complete body the
// error is io.EOF; after any other the client must see that its answer was cut
// off.
func (r *Reader[H]) Next() ([]byte, error) { return r.from.awaitBytes(r) }

// Led says whether the response, as far as it is known, was brought by this
// request's own fetch, and not by another's.
func (r *Reader[H]) Led() bool { return r.from.led(r) }

// Follows says whether the request found another's fetch under way. It may have
// taken over since.
func (r *Reader[H]) Follows() bool { return r.waits }

// Idled is for how long until now the fetches that the request waits for have
// waited for their turn, those from before it came included.
func (r *Reader[H]) Idled(now time.Time) time.Duration { return r.from.idled(now) }

// Close leaves. It may be called again.
func (r *Reader[H]) Close() { r.from.leave(r) }

// WriteTo writes the body to w as it comes.
func (r *Reader[H]) WriteTo(w io.Writer) (n int64, err error) {
	for {
		data, err := r.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(data)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

func (f *flight[K, H]) awaitHead(r *Reader[H]) (head H, early bool, err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for {
		switch {
		case f.owner == r && r.element != nil && r.earlier < len(f.earlier):
			r.earlier++
			return f.earlier[r.earlier-1], true, nil
		case f.began && r.element != nil:
			return f.head, false, nil
		}
		if err := f.block(r); err != nil {
			return head, false, err
		}
	}
}

func (f *flight[K, H]) awaitBytes(r *Reader[H]) ([]byte, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for {
		if r.element != nil {
			if data := f.advance(r); len(data) > 0 {
				return data, nil
			}
			if f.done {
				return nil, io.EOF
			}
		}
		if err := f.block(r); err != nil {
			return nil, err
		}
	}
}

// advance moves r on to bytes that it didn't get yet.
func (f *flight[K, H]) advance(r *Reader[H]) (data []byte) {
	b := &f.buf
	for i := r.at - b.first; i < len(b.chunks); i = r.at - b.first {
		if c := b.chunks[i]; r.off < len(c) {
			data = c[r.off:len(c):len(c)]
			r.off = len(c)
			return data
		}
		if i == len(b.chunks)-1 {
			return nil // may still grow
		}
		b.counts[i]--
		b.counts[i+1]++
		r.at, r.off = r.at+1, 0
		f.freed()
	}
	return nil
}

// block waits for news, unless there won't be any for r.
func (f *flight[K, H]) block(r *Reader[H]) error {
	switch {
	case r.closed:
		return ErrClosed
	case r.err != nil:
		return r.err
	case f.err != nil:
		return f.err
	}
	changed := f.changed.wait()
	f.lock.Unlock()
	defer f.lock.Lock()
	select {
	case <-changed:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

func (f *flight[K, H]) led(r *Reader[H]) bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.owner == r
}

func (f *flight[K, H]) idled(now time.Time) time.Duration {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.idle + f.idling(now)
}

func (f *flight[K, H]) leave(r *Reader[H]) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	f.drop(r, ErrClosed)
	if r.waits {
		f.waiters--
		f.g.waiters.Add(-1)
	}
}
