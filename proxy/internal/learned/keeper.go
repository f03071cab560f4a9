// Package learned keeps what limiters have learned over a restart, in a file.
package learned

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
)

const (
	// warnEvery is how often a state file that can't be written is told of
	// again: an on-call should hear of it, and not of little else.
	warnEvery = 10 * time.Minute

	// lastWrite is how long a stop waits for the last write: a disk that
	// hangs must not hold it up.
	lastWrite = 2 * time.Second
)

// Status tells of the state file.
type Status struct {
	// File is its path.
	File string `json:"file"`
	// Restored counts the endpoints that were found in it at the start.
	Restored int `json:"restored"`
	// Ignored is why nothing of it was used at the start; empty if it was.
	Ignored string `json:"ignored,omitempty"`
	// Written is when it was written last; zero if never.
	Written time.Time `json:"written,omitzero"`
	// Errors counts the writes that failed since the start.
	Errors uint64 `json:"errors"`
	// FailingSince is when the failures in a row began, LastError what the last
	// one was; zero and empty if the last write succeeded.
	FailingSince time.Time `json:"failingSince,omitzero"`
	LastError    string    `json:"lastError,omitempty"`
}

// keptFor is what state is kept for.
type keptFor struct{ upstream, address string }

// Keeper keeps what was learned about endpoints over a restart of Levee: a
// proxy that is restarted under load should not have to find out under that
// same load how much the service can take. It reads the state file at the start
// and writes it at intervals and at the end.
//
// It never fails anything. What it can't read it ignores, and what it can't
// write it goes without: the price is a limiter that learns again, for seconds.
//
// It also remembers endpoints that are gone, or have not been found yet: names
// may not resolve for a while after a restart, and addresses go and come back.
type Keeper struct {
	log *slog.Logger

	mu      sync.Mutex
	cfg     config.State // in force
	known   map[keptFor]Endpoint
	status  Status
	warned  time.Time
	ended   chan struct{} // closed by the writer's end; nil: it has not begun
	closing bool

	changed chan struct{} // holds a wish to write now
	stop    chan struct{} // closed: write once more, and end
}

// New returns a keeper that knows nothing, and writes nothing before it is
// started.
func New(log *slog.Logger) *Keeper {
	return &Keeper{log: log, known: map[keptFor]Endpoint{}, changed: make(chan struct{}, 1), stop: make(chan struct{})}
}

// Load reads the state file, if there is to be one.
func (k *Keeper) Load(cfg config.State, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cfg, k.status.File = cfg, cfg.File
	if cfg.File == "" {
		return
	}
	endpoints, err := read(cfg.File, now, time.Duration(cfg.MaxAge))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(cfg.File)); err != nil { // known to fail already: somebody should hear of it now
			k.wrote(cfg.File, err, now)
			return
		}
		k.log.Info("no state file yet: limits are learned anew", "file", cfg.File)
		return
	case err != nil:
		k.status.Ignored = err.Error()
		k.log.Warn("the state file is ignored: limits are learned anew", "file", cfg.File, "why", err)
		return
	}
	for _, e := range endpoints {
		k.known[keptFor{e.Upstream, e.Address}] = e
	}
	k.status.Restored = len(k.known)
	k.log.Info("state restored", "file", cfg.File, "endpoints", len(k.known))
}

// Recall is what a limiter of an endpoint begins with; nil: nothing is known,
// or it is too old. A class's number is asked of number.
func (k *Keeper) Recall(upstream, address string, now time.Time, number func(class string) int) *limiter.State {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	e, ok := k.known[keptFor{upstream, address}]
	maxAge := time.Duration(k.cfg.MaxAge)
	k.mu.Unlock()
	if age := now.Sub(e.At); !ok || age > maxAge || age < -maxAge {
		return nil
	}
	s := &limiter.State{Limit: e.Limit, Shape: e.Shape}
	for _, c := range e.Classes {
		i := number(c.Name)
		if i < 0 || i >= limiter.MaxClasses {
			continue
		}
		for len(s.Classes) <= i {
			s.Classes = append(s.Classes, limiter.ClassState{})
		}
		if s.Classes[i].Samples == 0 { // several may have come together in the class of all others
			s.Classes[i] = c.ClassState
		}
	}
	return s
}

// Of is a limiter's state with its classes by name. Nothing was learned
// where there is no class.
func Of(upstream, address string, s limiter.State, names []string, now time.Time) (Endpoint, bool) {
	e := Endpoint{Upstream: upstream, Address: address, At: now.UTC(), Limit: s.Limit, Shape: s.Shape}
	for i, c := range s.Classes {
		if c.Samples > 0 && i < len(names) && names[i] != "" {
			e.Classes = append(e.Classes, Class{Name: names[i], ClassState: c})
		}
	}
	return e, len(e.Classes) > 0 && e.check() == nil
}

// note takes what is known now, and forgets what is too old.
func (k *Keeper) note(current []Endpoint, maxAge time.Duration, now time.Time) []Endpoint {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range current {
		k.known[keptFor{e.Upstream, e.Address}] = e
	}
	all := make([]Endpoint, 0, len(k.known))
	for at, e := range k.known {
		if now.Sub(e.At) > maxAge {
			delete(k.known, at)
			continue
		}
		all = append(all, e)
	}
	if len(all) > maxEndpoints { // the newest are worth most
		slices.SortFunc(all, func(a, b Endpoint) int { return b.At.Compare(a.At) })
		for _, e := range all[maxEndpoints:] {
			delete(k.known, keptFor{e.Upstream, e.Address})
		}
		all = all[:maxEndpoints]
	}
	slices.SortFunc(all, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Upstream, b.Upstream), cmp.Compare(a.Address, b.Address))
	})
	return all
}

// Start begins to write at intervals. It asks collect what is known.
func (k *Keeper) Start(collect func(now time.Time) []Endpoint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended != nil || k.closing {
		return
	}
	ended := make(chan struct{})
	k.ended = ended
	go func() {
		defer close(ended)
		for last := false; !last; {
			timer := time.NewTimer(time.Duration(k.settings().Interval))
			select {
			case <-timer.C:
			case <-k.changed:
			case <-k.stop:
				last = true
			}
			timer.Stop()
			k.write(collect)
		}
	}()
}

func (k *Keeper) settings() config.State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cfg
}

// Configure takes new settings. A file of another name is written at once.
func (k *Keeper) Configure(cfg config.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cfg == k.cfg {
		return
	}
	if cfg.File != k.cfg.File {
		k.status, k.warned = Status{File: cfg.File, Errors: k.status.Errors}, time.Time{}
	}
	k.cfg = cfg
	select {
	case k.changed <- struct{}{}:
	default: // asked for already
	}
}

// Close writes once more, within a bounded time. Without a start nothing was
// learned, and the file stays as it is.
func (k *Keeper) Close() {
	k.mu.Lock()
	ended := k.ended
	if !k.closing {
		k.closing = true
		close(k.stop)
	}
	k.mu.Unlock()
	if ended == nil {
		return
	}
	timer := time.NewTimer(lastWrite)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		k.log.Warn("the state file was not written in time", "timeout", lastWrite.String())
	}
}

// write writes the file, where one is asked for and anything is known.
func (k *Keeper) write(collect func(now time.Time) []Endpoint) {
	cfg := k.settings()
	if cfg.File == "" {
		return
	}
	now := time.Now()
	all := k.note(collect(now), time.Duration(cfg.MaxAge), now)
	if len(all) == 0 {
		return // an empty file would say less than the old one
	}
	text, err := encode(all, now)
	if err == nil {
		err = write(cfg.File, text)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wrote(cfg.File, err, now)
}

// wrote notes how a write went. The first failure of a row is logged, and then
// one now and then. k.mu must be held.
func (k *Keeper) wrote(file string, err error, now time.Time) {
	s := &k.status
	if s.File != file {
		return // changed meanwhile
	}
	if err == nil {
		if s.LastError != "" {
			k.log.Info("the state file can be written again", "file", file)
		}
		s.Written, s.LastError, s.FailingSince, k.warned = now, "", time.Time{}, time.Time{}
		return
	}
	s.Errors++
	if s.LastError == "" {
		s.FailingSince = now
	}
	s.LastError = err.Error()
	if k.warned.IsZero() || now.Sub(k.warned) >= warnEvery {
		k.warned = now
		k.log.Warn("the state file can't be written: after a restart, limits are learned anew", "file", file, "error", err, "failures", s.Errors)
	}
}

// Tell is a snapshot for people; nil: no state is kept.
func (k *Keeper) Tell() *Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status.File == "" {
		return nil
	}
	s := k.status
	return &s
}
