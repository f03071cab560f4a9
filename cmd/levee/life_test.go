package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLife(t *testing.T) {
	const delay, timeout = 5 * time.Second, 30 * time.Second
	// A step is something that happens at a time after the start.
	type step struct {
		at     time.Duration
		signal os.Signal // nil: POST /drain
	}
	tests := []struct {
		name  string
		steps []step
		// inFlight is how long what is in flight takes after the delay.
		inFlight time.Duration
		err      error
		ends     time.Duration
		reloads  int64
	}{
		{"SIGTERM serves on, then finishes", []step{{0, syscall.SIGTERM}}, time.Second, nil, delay + time.Second, 0},
		{"SIGINT skips the delay", []step{{0, syscall.SIGINT}}, time.Second, nil, time.Second, 0},
		{"POST /drain is a SIGTERM", []step{{0, nil}}, time.Second, nil, delay + time.Second, 0},
		{"what takes longer is cut", []step{{0, syscall.SIGTERM}}, time.Hour, nil, delay + timeout, 0},
		{"what takes longer is cut by SIGINT, too", []step{{0, syscall.SIGINT}}, time.Hour, nil, timeout, 0},
		{"SIGHUP reloads and life goes on", []step{{0, syscall.SIGHUP}, {time.Second, syscall.SIGHUP}, {time.Minute, syscall.SIGTERM}}, 0, nil, time.Minute + delay, 2},
		{"a second SIGTERM ends at once", []step{{0, syscall.SIGTERM}, {time.Second, syscall.SIGTERM}}, 0, errAtOnce, time.Second, 0},
		{"a SIGTERM's twin does nothing", []step{{0, syscall.SIGTERM}, {time.Millisecond, syscall.SIGTERM}}, time.Second, nil, delay + time.Second, 0},
		{"a third SIGTERM ends at once", []step{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}, {time.Second, syscall.SIGTERM}}, 0, errAtOnce, time.Second, 0},
		{"SIGINT after SIGTERM ends at once", []step{{0, syscall.SIGTERM}, {time.Second, syscall.SIGINT}}, 0, errAtOnce, time.Second, 0},
		{"SIGHUP while draining does nothing", []step{{0, syscall.SIGTERM}, {time.Second, syscall.SIGHUP}}, 0, nil, delay, 0},
		{"a second POST /drain does nothing", []step{{0, nil}, {time.Second, nil}}, 0, nil, delay, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, drains := make(chan os.Signal, 4), make(chan struct{}, 4)
				var reloads atomic.Int64
				l := life{
					signals:  signals,
					drains:   drains,
					reload:   func() { reloads.Add(1) },
					shutdown: func() (time.Duration, time.Duration) { return delay, timeout },
					log:      slog.New(slog.DiscardHandler),
					drain: func(ctx context.Context, delay time.Duration) error {
						select {
						case <-time.After(delay + test.inFlight):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					},
				}
				start := time.Now()
				for _, step := range test.steps {
					time.AfterFunc(step.at, func() {
						if step.signal == nil {
							drains <- struct{}{}
						} else {
							signals <- step.signal
						}
					})
				}
				err := l.run()
				synctest.Wait()
				if !errors.Is(err, test.err) || time.Since(start) != test.ends || reloads.Load() != test.reloads {
					t.Errorf("%v after %v with %d reloads; want %v after %v with %d", err, time.Since(start), reloads.Load(), test.err, test.ends, test.reloads)
				}
			})
		})
	}
}
