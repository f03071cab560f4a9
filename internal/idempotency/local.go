package idempotency

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Sync says when the journal is forced to the disk. Whatever it is, all is
// written before it counts, so that the process may be killed at any moment;
// it matters when the machine loses its power.
type Sync string

// The values of Sync.
const (
	SyncAlways   Sync = "always"   // before anything counts
	SyncInterval Sync = "interval" // once a second
	SyncNever    Sync = "never"    // when the system gets round to it
)

// Options are a local store's. Retention, Entries and Bytes must be positive.
type Options struct {
	// File is the journal. Default: none, and all is forgotten with the process.
	File string
	// Sync is when the journal is forced to the disk. Default: always.
	Sync Sync
	// Retention is how long a key is remembered once its request was answered,
	// or fell into doubt.
	Retention time.Duration
	// Entries is how many keys are remembered at most.
	Entries int
	// Bytes is how much keys and answers may take. When it is reached, the
	// oldest answers are dropped but for their status.
	Bytes int64
	// Logger gets a line when the store fails, and when it works again.
	// Default: none are written.
	Logger *slog.Logger

	// For tests: what the journal's files are wrapped in, and shorter times than
	// diskPatience and retryFirst.
	wrap            func(file) file
	patience, retry time.Duration
}

// Local is the [Store] of one process. Make one with [Open].
type Local struct {
	log *slog.Logger

	mu      sync.Mutex
	table   table
	journal *journal // nil: in memory only
	ready   bool     // the journal was read
	file    string
}

// Open makes a store. It doesn't fail: a journal that can't be read makes a
// store that refuses, says why, and tries again from time to time.
func Open(o Options, now time.Time) *Local {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Local{log: o.Logger, table: newTable(), file: o.File, ready: o.File == ""}
	l.Configure(o)
	if o.File != "" {
		l.journal = newJournal(l, o)
		l.journal.start(now)
	}
	return l
}

// Configure changes the bounds, the retention and the Sync of a store at work.
// The journal's path stays as it is.
func (l *Local) Configure(o Options) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.retention, l.table.most, l.table.mostBytes = o.Retention, o.Entries, o.Bytes
	l.journal.configure(o.Sync)
}

// Begin implements [Store].
func (l *Local) Begin(ctx context.Context, r Request) (Claim, error) {
	l.mu.Lock()
	if !l.ready {
		l.mu.Unlock()
		return Claim{}, l.journal.unavailable()
	}
	l.table.expire(r.Now)
	e := l.table.entries[r.Key]
	retaken := false
	switch {
	case e == nil:
		if l.table.full() {
			l.mu.Unlock()
			return Claim{}, ErrFull
		}
	case e.print != r.Fingerprint:
		l.mu.Unlock()
		return Claim{State: Mismatch}, nil
	case e.state == Doubtful && r.TakeDoubt:
		retaken = true
	default:
		c := Claim{State: e.state, Done: e.done}
		if e.state == Answered {
			c.Answer = e.answer
		}
		l.mu.Unlock()
		return c, nil
	}

	// A failing journal must leave no trace in the table.
	if err := l.journal.usable(r.Now); err != nil {
		l.mu.Unlock()
		return Claim{}, err
	}
	if retaken {
		l.table.take(e, &r)
	} else {
		e = l.table.claim(&r)
	}
	b := l.journal.add(func(to []byte) []byte { return appendBegin(to, e.ticket, e.since, e.key, e.print) })
	ticket := e.ticket
	l.mu.Unlock()

	if err := b.wait(ctx); err != nil {
		// Nothing was sent. What may have come into the journal is taken back.
		if retaken {
			l.Doubt(r.Now, r.Key, ticket)
		} else {
			l.Release(r.Key, ticket)
		}
		return Claim{}, err
	}
	return Claim{State: First, Ticket: ticket}, nil
}

// Finish implements [Store].
func (l *Local) Finish(ctx context.Context, now time.Time, k Key, t Ticket, a *Answer) error {
	l.mu.Lock()
	e := l.table.held(k, t)
	if e == nil || e.answer != nil {
		l.mu.Unlock()
		return ErrClaim
	}
	l.table.keep(e, l.table.fit(a))
	b := l.journal.add(func(to []byte) []byte { return appendAnswer(to, t, now, k, e.answer) })
	l.mu.Unlock()

	// Stored first: until then it is given to nobody.
	err := b.wait(ctx)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.settle(e, Answered, now)
	return err
}

// Release implements [Store].
func (l *Local) Release(k Key, t Ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.table.held(k, t)
	if e == nil || e.answer != nil {
		return
	}
	if e.doubts { // not by this request, but by one before it
		l.table.settle(e, Doubtful, e.since)
		return
	}
	// Nobody waits for this to be written: a key that comes back as one in
	// doubt, because the process was killed in between, is refused.
	l.journal.add(func(to []byte) []byte { return appendForget(to, t, k) })
	l.table.forget(e)
}

// Doubt implements [Store]. It needs no record: a request that has begun and
// has no answer is in doubt for whoever reads the journal.
func (l *Local) Doubt(now time.Time, k Key, t Ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.table.held(k, t); e != nil && e.answer == nil {
		l.table.settle(e, Doubtful, now)
	}
}

// Forget frees a key that is in doubt, by the word of somebody who knows that
// its request was not carried out, or may be again.
func (l *Local) Forget(ctx context.Context, k Key) error {
	l.mu.Lock()
	e := l.table.entries[k]
	if !l.ready || e == nil || e.state != Doubtful {
		l.mu.Unlock()
		return ErrNoDoubt
	}
	ticket := e.ticket
	b := l.journal.add(func(to []byte) []byte { return appendForget(to, ticket, k) })
	l.mu.Unlock()
	if err := b.wait(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.table.entries[k]; e != nil && e.ticket == ticket && e.state == Doubtful {
		l.table.forget(e)
	}
	return nil
}

// Close writes what is still to be written, and ends the store. Whatever is
// asked of it afterwards fails.
func (l *Local) Close() {
	l.journal.close()
}

// Status is a snapshot for people.
type Status struct {
	// Keys counts what is remembered, MaxKeys how many may be: as many as
	// Entries, or as fit into Bytes without an answer.
	Keys    int `json:"keys"`
	MaxKeys int `json:"maxKeys"`
	// Running counts the requests under way, Doubtful those of which nobody
	// knows whether they were carried out.
	Running  int `json:"running"`
	Doubtful int `json:"doubtful"`
	// Bytes is what the answers and keys take, MaxBytes what they may.
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"maxBytes"`
	// Dropped counts the answers that had to make room since the start: their
	// keys are remembered, with the status.
	Dropped uint64 `json:"dropped"`
	// Full says that requests with a new key are refused.
	Full bool `json:"full"`
	// Retention is how long a key is remembered, and Oldest when the oldest that
	// is remembered now came to its end; zero if there is none.
	Retention time.Duration `json:"retention"`
	Oldest    time.Time     `json:"oldest,omitzero"`
	// Journal tells of the file; nil where there is none.
	Journal *JournalStatus `json:"journal,omitempty"`
}

// JournalStatus is a snapshot of a journal.
type JournalStatus struct {
	File string `json:"file"`
	// Bytes is its size.
	Bytes int64 `json:"bytes"`
	// Readable says that it was read; until then every keyed request is refused.
	Readable bool `json:"readable"`
	// Restored counts the keys that were found in it at the start, Torn the
	// bytes at its end that were cut off as never having been written whole.
	Restored int   `json:"restored"`
	Torn     int64 `json:"torn"`
	// FailingSince is when it could no longer be read or written; zero if it can.
	FailingSince time.Time `json:"failingSince,omitzero"`
	// Error is why; empty if it can.
	Error string `json:"error,omitempty"`
}

// Status takes a snapshot at now.
func (l *Local) Status(now time.Time) Status {
	l.mu.Lock()
	l.table.expire(now)
	t := &l.table
	s := Status{
		Keys: len(t.entries), MaxKeys: t.mostKeys(), Bytes: t.bytes, MaxBytes: t.mostBytes,
		Doubtful: t.doubts, Running: len(t.entries) - t.settled.Len(),
		Dropped: t.dropped, Full: len(t.entries) >= t.mostKeys(), Retention: t.retention,
	}
	if front := t.settled.Front(); front != nil {
		s.Oldest = front.Value.(*entry).since
	}
	ready := l.ready
	l.mu.Unlock()
	if l.journal != nil {
		s.Journal = l.journal.status()
		s.Journal.Readable = ready
	}
	return s
}

// restore takes over what was read from a journal. What began and was not
// answered is in doubt.
func (l *Local) restore(read *contents, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*entry, 0, len(read.entries))
	for _, e := range read.entries {
		// From here on by the monotonic clock, which nobody sets forward. Where the
		// other one was set back, rather too long than too short.
		e.since = now.Add(-max(0, now.Sub(e.since)))
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return a.since.Compare(b.since) })
	for _, e := range all {
		l.table.entries[e.key] = e
		l.table.bytes += e.size()
		state := Doubtful
		if e.answer != nil {
			state = Answered
		}
		l.table.settle(e, state, e.since)
	}
	l.table.last = max(l.table.last, read.last)
	l.table.expire(now)
	l.ready = true
	return len(l.table.entries)
}

// snapshot lists what a journal that is written anew has to hold.
func (l *Local) snapshot() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]entry, 0, len(l.table.entries))
	for _, e := range l.table.entries {
		all = append(all, entry{key: e.key, print: e.print, ticket: e.ticket, since: e.since, answer: e.answer})
	}
	return all
}

// size is about what a journal has to hold.
func (l *Local) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.bytes
}

// unavailable makes an error that wraps [ErrUnavailable] and its reason.
func unavailable(why error) error {
	if errors.Is(why, ErrUnavailable) {
		return why
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, why)
}

var _ Store = (*Local)(nil)
