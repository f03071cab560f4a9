package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// life is what signals do to a running Levee:
//
//	SIGHUP             reload the configuration
//	SIGTERM            drain: serve on for a delay, finish what is in flight, end
//	SIGINT             the same without the delay: a person waits, no load balancer does
//	a second of those  end at once, unless it is the first one's twin
//
// POST /drain on the admin port is as good as SIGTERM.
type life struct {
	signals <-chan os.Signal
	// drains is received from when a drain was asked for by other means.
	drains <-chan struct{}
	// reload takes the configuration anew and logs how that went.
	reload func()
	// drain stops serving, as proxy.Proxy's Drain does.
	drain func(ctx context.Context, delay time.Duration) error
	// shutdown is the configuration in force: how long to serve on, and how long
	// requests in flight may take after that.
	shutdown func() (delay, timeout time.Duration)
	log      *slog.Logger
}

// twin is how soon after the signal to stop another one is the same: a
// supervisor that signals both the process and its group, and a wrapper that
// passes on what the terminal has sent to all, send everything twice (timeout
// from coreutils does). Nobody asks twice as quickly as that.
const twin = 100 * time.Millisecond

// errAtOnce ends a drain that somebody didn't want to wait for.
var errAtOnce = errors.New("a second signal ended it at once; requests in flight were cut")

// run returns when Levee has stopped: nil after a drain.
func (l *life) run() error {
	for {
		select {
		case s := <-l.signals:
			switch s {
			case syscall.SIGHUP:
				// Beside the loop: reading files must not hold a stop up.
				go l.reload()
			case syscall.SIGTERM:
				delay, timeout := l.shutdown()
				return l.stop(s.String(), delay, timeout)
			default:
				_, timeout := l.shutdown()
				return l.stop(s.String(), 0, timeout)
			}
		case <-l.drains:
			delay, timeout := l.shutdown()
			return l.stop("asked on the admin port", delay, timeout)
		}
	}
}

// stop drains, unless a second signal comes first. That requests had to be cut
// when the time was over is told in the log; it is no failure of the stop.
func (l *life) stop(why string, delay, timeout time.Duration) error {
	l.log.Info("draining", "why", why, "delay", delay.String(), "timeout", timeout.String())
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), delay+timeout)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- l.drain(ctx, delay) }()
	for {
		select {
		case err := <-drained:
			if err != nil {
				l.log.Warn("stopped before everything was finished", "error", err)
			} else {
				l.log.Info("stopped")
			}
			return nil
		case s := <-l.signals:
			if s == syscall.SIGHUP || time.Since(begun) < twin {
				continue
			}
			l.log.Warn("stopping at once", "why", "a second signal", "signal", s.String())
			return errAtOnce
		}
	}
}
