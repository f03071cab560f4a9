package idempotency

import (
	"context"
	"errors"
	"time"
)

// batch is what is written and forced to the disk at once, for all who wait
// for it: while one batch is being written, the next one fills. So the disk
// sets how long one request waits, and not how many can be served.
type batch struct {
	frame    []byte // header and records
	patience time.Duration
	done     chan struct{}
	err      error // set before done closes
}

// How long a request waits for the disk, and how much may wait for it. Beyond
// either the store is unavailable: a disk that hangs must not hold everybody up.
const (
	diskPatience = 5 * time.Second
	mostWaiting  = 32 << 20 // bytes
)

var (
	errSlow   = errors.New("the disk takes too long to write the journal")
	errClosed = errors.New("the store is closed")
)

func newBatch(patience time.Duration) *batch {
	return &batch{frame: make([]byte, frameHeader, 4<<10), patience: patience, done: make(chan struct{})}
}

func (b *batch) empty() bool { return len(b.frame) == frameHeader }

// finish tells all who wait.
func (b *batch) finish(err error) {
	if err != nil {
		b.err = unavailable(err)
	}
	close(b.done)
}

// wait waits until the batch has been written.
func (b *batch) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	patience := time.NewTimer(b.patience)
	defer patience.Stop()
	select {
	case <-b.done:
		return b.err
	case <-patience.C:
		return unavailable(errSlow)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
