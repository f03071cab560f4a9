package proxy

import (
	"io"
	"sync"
)

// ahead is a body that is read on a goroutine of its own, up to a limit: who
// waits for it may stop waiting, do something else, and take it up again.
type ahead struct {
	src    io.ReadCloser
	cancel func()        // makes the source's Read return
	ends   func()        // called when Read has come to the end; nil: nothing
	ended  chan struct{} // closed once nobody reads ahead any more

	mu   sync.Mutex
	more sync.Cond
	buf  []byte
	at   int   // in buf, up to which it was taken
	over bool  // the source has come to its end, or failed with err, or the limit is reached
	err  error // nil: what is left is read from the source
}

func readAhead(src io.ReadCloser, limit int, cancel func()) *ahead {
	b := &ahead{src: src, cancel: cancel, ended: make(chan struct{})}
	b.more.L = &b.mu
	go b.run(limit)
	return b
}

func (b *ahead) run(limit int) {
	defer close(b.ended)
	room := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(room)
	for left := limit; ; {
		n, err := b.src.Read(room[:min(left, len(room))])
		left -= n
		b.mu.Lock()
		b.buf = append(b.buf, room[:n]...)
		b.over, b.err = err != nil || left == 0, err
		over := b.over
		b.more.Broadcast()
		b.mu.Unlock()
		if over {
			return
		}
	}
}

// state says whether all of the body is there, or it broke off. Neither: there
// is more to come.
func (b *ahead) state() (whole bool, broke error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.err {
	case nil:
		return false, nil
	case io.EOF:
		return true, nil
	}
	return false, b.err
}

func (b *ahead) Read(p []byte) (int, error) {
	b.mu.Lock()
	for b.at == len(b.buf) && !b.over {
		b.more.Wait()
	}
	n := copy(p, b.buf[b.at:])
	b.at += n
	left, err := b.at < len(b.buf), b.err
	b.mu.Unlock()
	switch {
	case left || n > 0 && err == nil || len(p) == 0:
		return n, nil
	case err == nil:
		n, err = b.src.Read(p)
	}
	if err == io.EOF && b.ends != nil {
		b.ends()
	}
	return n, err
}

// Close gives up what hasn't come yet. The source isn't read by two at once.
func (b *ahead) Close() error {
	select {
	case <-b.ended:
	default:
		b.cancel()
		<-b.ended
	}
	return b.src.Close()
}
