package proxy

import (
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
	"github.com/levee-proxy/levee/config"
)

// CacheSnapshotStatus tells of the file in which the cache outlives a restart.
type CacheSnapshotStatus struct {
	// File is its path.
	File string `json:"file"`
	// Reading: it is being read. Restored counts the answers that were taken from
	// it, LeftOut those that were not: no route caches them any more, they are
	// too large, or this process has had them invalidated or purged.
	Reading  bool `json:"reading"`
	Restored int  `json:"restored"`
	LeftOut  int  `json:"leftOut"`
	// ReadSeconds is how long that took.
	ReadSeconds float64 `json:"readSeconds"`
	// Ignored is why nothing of it was used, or not all; empty if all was.
	Ignored string `json:"ignored,omitempty"`

	// Written is when it was written last; zero if never. A cache in which
	// nothing has changed isn't written again. Answers is how many records it
	// has, Bytes how large it is, WriteSeconds how long the write took.
	Written      time.Time `json:"written,omitzero"`
	Answers      int       `json:"answers"`
	Bytes        int64     `json:"bytes"`
	WriteSeconds float64   `json:"writeSeconds"`
	// Writes counts the snapshots that were written since the start, Errors those
	// that could not be.
	Writes uint64 `json:"writes"`
	Errors uint64 `json:"errors"`
	// FailingSince is when the failures in a row began, LastError what the last
	// one was; zero and empty if the last write succeeded.
	FailingSince time.Time `json:"failingSince,omitzero"`
	LastError    string    `json:"lastError,omitempty"`
}

// tell notes something of the file, unless another one has taken its place.
func (f *cacheFile) tell(cfg config.CacheSnapshot, note func(*CacheSnapshotStatus)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status.File == cfg.File {
		note(&f.status)
	}
}

// told is a copy for people; nil: there is no file.
func (f *cacheFile) told() *CacheSnapshotStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status.File == "" {
		return nil
	}
	s := f.status
	return &s
}

// wrote notes how a write went. The first failure of a row is logged, and then
// one now and then.
func (f *cacheFile) wrote(cfg config.CacheSnapshot, w snapshot.Written, err error, at time.Time, took time.Duration) {
	f.tell(cfg, func(s *CacheSnapshotStatus) {
		if err == nil {
			if s.LastError != "" {
				f.log.Info("the cache's snapshot can be written again", "file", cfg.File)
			}
			s.Written, s.Answers, s.Bytes, s.WriteSeconds = at, w.Records, w.Bytes, took.Seconds()
			s.Writes++
			s.LastError, s.FailingSince, f.warned = "", time.Time{}, time.Time{}
			return
		}
		s.Errors++
		if s.LastError == "" {
			s.FailingSince = at
		}
		s.LastError = err.Error()
		if f.warned.IsZero() || at.Sub(f.warned) >= snapshotWarnEvery {
			f.warned = at
			f.log.Warn("the cache's snapshot can't be written: after a restart the cache begins with an older one, or empty", "file", cfg.File, "error", err, "failures", s.Errors)
		}
	})
}
