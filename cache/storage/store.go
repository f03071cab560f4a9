package storage

import (
	"iter"
	"sync"
	"sync/atomic"
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

// New makes an empty store.
func New[P any](o Options[P]) (*Store[P], error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	s := &Store[P]{opt: o, past: o.Past}
	s.purges.Store(s.past.last.Load())
	s.space.Store(newSpace[P](o.Budget, o.MaxGroups, &s.evicted))
	return s, nil
}

// Expect says that Get will be asked for this key, a little later: until then
// what it finds can come from memory. Nothing else comes of it.
func (s *Store[P]) Expect(k *Key) { s.space.Load().index.expect(k) }

// Get is the response with this key whose policy matches, the last one stored if
// several do; nil matches any. It may be stale: that is the caller's to decide,
// see [Store.Purged].
func (s *Store[P]) Get(k Key, match func(*P) bool) (e *Entry[P], found bool) {
	sp := s.space.Load()
	e = sp.get(&k)
	switch {
	case e == nil:
		return nil, false
	case s.Mark() != e.mark && e.gone():
		sp.remove(e)
		return nil, false
	case e.list != nil:
		return sp.find(e.list, match)
	case match != nil && !match(&e.Policy):
		return nil, false
	}
	return e, true
}

// Remove takes out a response that [Store.Get] found, unless another has taken its
// place. Of a key with variants the others stay.
func (s *Store[P]) Remove(e *Entry[P]) { s.space.Load().remove(e) }

// Put stores a response that was asked for after m was taken, in place of what
// is there. It takes over e's Header and Body. An error says why it didn't: then
// what was there still is. Whether the response stays is for the eviction to
// decide, at once or later.
func (s *Store[P]) Put(k Key, m Mark, l Labels, e Entry[P]) error {
	e.list = nil
	s.writes.Add(1)
	return s.put(k, m, l, &e, false)
}

func (s *Store[P]) put(k Key, m Mark, l Labels, e *Entry[P], onlyIfAbsent bool) error {
	sp := s.space.Load()
	j, err := s.prepare(sp, k, m, l, e)
	if err != nil {
		return err
	}
	sp.lock.Lock()
	defer sp.lock.Unlock()
	if onlyIfAbsent && sp.index.get(&k) != nil {
		sp.untag(j)
		return nil
	}
	sp.put(j)
	return nil
}

// prepare weighs e, ties it to its tags, and makes of it what is stored.
func (s *Store[P]) prepare(sp *space[P], k Key, m Mark, l Labels, e *Entry[P]) (*Entry[P], error) {
	if len(l.Groups) > s.opt.MaxEntryGroups {
		return nil, ErrGroups
	}
	weight := weigh(e, l, s.opt.PolicySize(&e.Policy))
	if weight > s.opt.MaxObject {
		return nil, ErrTooLarge
	}
	e = join(e)
	e.key, e.mark = k, m
	e.url, e.groups = nil, nil
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
			return nil, ErrGroups
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
		return nil, ErrPurged
	}
	return e, nil
}

// All lists the entries, variants and their indices, and not what was purged or
// marks a key as uncacheable. Changes meanwhile may or may not be seen.
func (s *Store[P]) All() iter.Seq2[Key, *Entry[P]] {
	return func(yield func(Key, *Entry[P]) bool) {
		for e := range s.space.Load().index.all() {
			if e.gone() || e.list != nil && e.list.mark != nil {
				continue
			}
			if !yield(e.key, e) {
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
	s.space.Load().bound(max(bytes, minBudget))
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
		Entries: int(sp.index.count.Load()),
		Bytes:   sp.used.Load(),
		Budget:  sp.budget.Load(),
		Evicted: s.evicted.Load(),
		Purges:  s.purges.Load(),
		Writes:  s.writes.Load(),
		Groups:  int(sp.groups.count.Load()),
	}
}
