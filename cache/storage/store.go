package storage

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// Store holds entries within a budget. Its methods may be called concurrently.
type Store[P any] struct {
	opt     Options[P]
	purges  atomic.Uint64 // how many there were, which numbers them
	all     tag           // what a purge of everything marks
	past    *Past
	evicted atomic.Uint64
	writes  atomic.Uint64

	space atomic.Pointer[space[P]]
	renew sync.Mutex // held while space or its maximum is changed
}

// space is the entries and what finds them. A hard purge of everything puts a
// new one in its place and leaves the old one to the garbage collector.
type space[P any] struct {
	entries *otter.Cache[Key, *Entry[P]]
	urls    *tags
	groups  *tags
	used    atomic.Int64 // the sum of weights, evictions that are due included
	high    atomic.Int64 // used beyond which a writer waits for evictions
}

// New makes an empty store.
func New[P any](o Options[P]) (*Store[P], error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	s := &Store[P]{opt: o, past: o.Past}
	s.purges.Store(s.past.last.Load())
	s.space.Store(s.newSpace(o.Budget))
	return s, nil
}

func (s *Store[P]) newSpace(budget int64) *space[P] {
	sp := &space[P]{urls: newTags(0), groups: newTags(s.opt.MaxGroups)}
	sp.entries = otter.Must(&otter.Options[Key, *Entry[P]]{
		MaximumWeight: uint64(budget),
		Weigher:       func(_ Key, e *Entry[P]) uint32 { return e.weight },
		OnAtomicDeletion: func(e otter.DeletionEvent[Key, *Entry[P]]) {
			sp.forget(e.Value)
			if e.Cause == otter.CauseOverflow {
				s.evicted.Add(1)
			}
		},
	})
	sp.bound(budget)
	return sp
}

func (sp *space[P]) bound(budget int64) { sp.high.Store(budget + budget/64) }

// forget takes e, which is no longer stored, out of the books.
func (sp *space[P]) forget(e *Entry[P]) {
	sp.used.Add(-int64(e.weight))
	sp.untag(e)
}

func (sp *space[P]) untag(e *Entry[P]) {
	if e.url != nil {
		sp.urls.release(e.url)
	}
	for _, t := range e.groups {
		sp.groups.release(t)
	}
}

// Get is the response with this key whose policy matches, the last one stored if
// several do; nil matches any. It may be stale: that is the caller's to decide,
// see [Store.Purged].
func (s *Store[P]) Get(k Key, match func(*P) bool) (e *Entry[P], found bool) {
	sp := s.space.Load()
	e, found = sp.entries.GetIfPresent(k)
	switch {
	case !found:
		return nil, false
	case s.Mark() != e.mark && e.gone():
		sp.remove(k, e)
		return nil, false
	case e.index != nil:
		return sp.find(e.index, match)
	case e.fetch() < 0:
		return nil, false // never
	case match != nil && !match(&e.Policy):
		return nil, false
	}
	return e, true
}

// fetch has the processor load what a hit needs of an entry, all at once. Among
// many entries none of that is in its caches; where one thing is asked for after
// the other, the way to memory is waited for as many times. What it returns must
// be used, and is 0 at least.
func (e *Entry[P]) fetch() (sum int) {
	if len(e.Header) > 0 && len(e.first) > 0 {
		sum = len(e.Header[0].Values) + int(e.first[0])
	}
	if c := e.Body.chunks; len(c) > 0 {
		sum += int(c[0][0])
	}
	return sum
}

// remove takes e out unless it was replaced.
func (sp *space[P]) remove(k Key, e *Entry[P]) {
	sp.entries.ComputeIfPresent(k, func(old *Entry[P]) (*Entry[P], otter.ComputeOp) {
		if old != e {
			return nil, otter.CancelOp
		}
		return nil, otter.InvalidateOp
	})
}

// Remove takes out the response that [Store.Get] found with this key, unless
// another has taken its place. Of a key with variants the others stay.
func (s *Store[P]) Remove(k Key, e *Entry[P]) {
	sp := s.space.Load()
	if at, found := sp.entries.GetEntryQuietly(k); found && at.Value.index != nil {
		for _, v := range at.Value.index.variants {
			sp.remove(v, e)
		}
		return
	}
	sp.remove(k, e)
}

// Put stores a response that was asked for after m was taken, in place of what
// is there. It takes over e's Header and Body. An error says why it didn't: then
// what was there still is. Whether the response stays is for the eviction to
// decide, at once or later.
func (s *Store[P]) Put(k Key, m Mark, l Labels, e Entry[P]) error {
	e.index = nil
	s.writes.Add(1)
	return s.put(k, m, l, &e, false)
}

func (s *Store[P]) put(k Key, m Mark, l Labels, e *Entry[P], onlyIfAbsent bool) error {
	sp := s.space.Load()
	if err := s.prepare(sp, m, l, e); err != nil {
		return err
	}
	sp.used.Add(int64(e.weight))
	if !onlyIfAbsent {
		sp.entries.Set(k, e)
	} else if _, stored := sp.entries.SetIfAbsent(k, e); !stored {
		sp.forget(e)
	}
	sp.settle()
	return nil
}

// prepare weighs e and ties it to its tags.
func (s *Store[P]) prepare(sp *space[P], m Mark, l Labels, e *Entry[P]) error {
	if len(l.Groups) > s.opt.MaxEntryGroups {
		return ErrGroups
	}
	weight := weigh(e, l, s.opt.PolicySize(&e.Policy))
	if weight > s.opt.MaxObject {
		return ErrTooLarge
	}
	e.mark = m
	e.url, e.groups = nil, nil
	e.Body, e.first = e.Body.in(&e.one), ""
	if len(e.Header) > 0 {
		e.first = e.Header[0].Name
	}
	if l.URL != "" {
		e.url, _ = sp.urls.acquire(l.URL)
	}
	if len(l.Groups) > 0 {
		e.groups = make([]*tag, 0, len(l.Groups))
	}
	for _, name := range l.Groups {
		t, made := sp.groups.acquire(name)
		if t == nil {
			sp.untag(e)
			return ErrGroups
		}
		e.groups = append(e.groups, t)
		if made { // the first one in it pays for it
			weight += weighTag(name)
		}
	}
	e.weight = uint32(weight)
	// Looked up after the tags were acquired: a purge either finds them, or
	// was noted before.
	if s.Mark() != m && (s.past.covers(l, m) || e.gone()) {
		sp.untag(e)
		return ErrPurged
	}
	return nil
}

// settle lets the writer wait for evictions that lag behind, so that the budget
// holds however fast responses come in. Readers never wait.
func (sp *space[P]) settle() {
	if sp.used.Load() > sp.high.Load() {
		sp.entries.CleanUp()
	}
}

// All lists the entries, variants and their indices, and not what was purged or
// marks a key as uncacheable. Changes meanwhile may or may not be seen.
func (s *Store[P]) All() iter.Seq2[Key, *Entry[P]] {
	return func(yield func(Key, *Entry[P]) bool) {
		for k, e := range s.space.Load().entries.All() {
			if e.gone() || e.index != nil && e.index.mark != nil {
				continue
			}
			if !yield(k, e) {
				return
			}
		}
	}
}

// SetBudget changes the number of bytes that all entries together take, for as
// long as memory is short or for good. Entries too many are evicted before it
// returns; MaxObject stays.
func (s *Store[P]) SetBudget(bytes int64) {
	s.renew.Lock()
	defer s.renew.Unlock()
	bytes = max(bytes, minBudget)
	sp := s.space.Load()
	sp.bound(bytes)
	sp.entries.SetMaximum(uint64(bytes))
}

// Stats is what a [Store] counts.
type Stats struct {
	Entries int    // variants, indices and markers each count
	Bytes   int64  // what they take from the budget
	Budget  int64  // how much they may take
	Evicted uint64 // entries that had to make room, since the start
	Purges  uint64 // since the start
	Writes  uint64 // responses that were to be stored since the start, but for restored ones
	Groups  int    // that entries are in
}

// Stats is cheap enough for every scrape.
func (s *Store[P]) Stats() Stats {
	sp := s.space.Load()
	return Stats{
		Entries: sp.entries.EstimatedSize(),
		Bytes:   sp.used.Load(),
		Budget:  int64(sp.entries.GetMaximum()),
		Evicted: s.evicted.Load(),
		Purges:  s.purges.Load(),
		Writes:  s.writes.Load(),
		Groups:  int(sp.groups.count.Load()),
	}
}
