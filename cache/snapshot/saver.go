package snapshot

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// Options say what a [Saver] saves, and when.
type Options struct {
	// Path of the file. Its folder must exist. Required.
	Path string
	// Schema names how records are to be understood; change it when that changes.
	Schema string
	// Interval between snapshots. Default: 1 minute.
	Interval time.Duration
	// Records are what to save, with their ages at the given time. Required.
	Records func(now time.Time) iter.Seq[Record]
	// Clock is the wall clock. Required.
	Clock func() time.Time
	// Report is told of each snapshot and what came of it. Default: nobody is.
	Report func(Written, error)
}

// Saver writes snapshots, one at a time, and counts them.
type Saver struct {
	opt  Options
	busy sync.Mutex // held while writing

	lock  sync.Mutex
	stats Stats
}

// Stats is what a [Saver] counts.
type Stats struct {
	Saved  uint64    // snapshots written
	Failed uint64    // snapshots that were not, each with the old file kept
	Last   Written   // the last one written
	At     time.Time // when it was begun
	Err    error     // what the last attempt came to
}

// NewSaver checks the options.
func NewSaver(o Options) (*Saver, error) {
	if o.Path == "" || o.Records == nil || o.Clock == nil {
		return nil, errors.New("snapshot: Path, Records and Clock are required")
	}
	if o.Interval < 0 {
		return nil, errors.New("snapshot: Interval is negative")
	}
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	if o.Report == nil {
		o.Report = func(Written, error) {}
	}
	return &Saver{opt: o}, nil
}

// Run saves at intervals until ctx ends, which also cuts off a snapshot under
// way. What is to be there after a restart is written by a last [Saver.Save],
// once no request changes the cache any more.
func (s *Saver) Run(ctx context.Context) {
	tick := time.NewTicker(s.opt.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = s.Save(ctx) // counted and reported
		case <-ctx.Done():
			return
		}
	}
}

// Save writes a snapshot now. One that the end of ctx cut off counts as none.
func (s *Saver) Save(ctx context.Context) error {
	s.busy.Lock()
	defer s.busy.Unlock()
	now := s.opt.Clock()
	w, err := Write(ctx, s.opt.Path, s.opt.Schema, now, s.opt.Records(now))
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	s.lock.Lock()
	s.stats.Err = err
	if err == nil {
		s.stats.Saved++
		s.stats.Last, s.stats.At = w, now
	} else {
		s.stats.Failed++
	}
	s.lock.Unlock()
	s.opt.Report(w, err)
	return err
}

// Stats is cheap enough for every scrape.
func (s *Saver) Stats() Stats {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.stats
}
