package storage

import (
	"sync/atomic"
	"time"
)

// uncacheable is what a marker knows. Its times carry the monotonic clock, if
// the caller's do: no jump of the wall clock makes a mark last.
type uncacheable struct {
	from  time.Time
	lasts time.Duration
	tried atomic.Int64 // when it was last looked whether it still holds, counted from from
}

// MarkUncacheable notes at now that what k asks for can't be stored, for so long:
// then requests for it need not wait for one another in vain. A response that is
// stored under k stays.
func (s *Store[P]) MarkUncacheable(k Key, now time.Time, lasts time.Duration) {
	// Without a label: only a hard purge of everything ends it before its time.
	marker := &Entry[P]{list: &variants{mark: &uncacheable{from: now, lasts: lasts}}}
	_ = s.put(k.marker(), s.Mark(), Labels{}, marker, false) // refused only if purged meanwhile
}

// Uncacheable says whether k is marked so. It is worth asking after a miss.
func (s *Store[P]) Uncacheable(k Key, now time.Time) bool { return s.marked(k, now) != nil }

// Retry says whether k, which is marked, is to be asked for as if it weren't: it
// is true for one caller in each period, the first of which begins with the mark.
//
// What marks a key is one answer, to one client, who may have asked for trouble:
// if nobody looked again, that client could keep the cache away from all others.
func (s *Store[P]) Retry(k Key, now time.Time, period time.Duration) bool {
	m := s.marked(k, now)
	if m == nil {
		return false
	}
	at, last := int64(now.Sub(m.from)), m.tried.Load()
	return at-last >= int64(period) && m.tried.CompareAndSwap(last, at)
}

// Unmark takes the mark away.
func (s *Store[P]) Unmark(k Key) {
	sp := s.space.Load()
	marker := k.marker()
	if e := sp.index.get(&marker); e != nil {
		sp.remove(e)
	}
}

// marked is k's mark, or nil.
func (s *Store[P]) marked(k Key, now time.Time) *uncacheable {
	sp := s.space.Load()
	marker := k.marker()
	e := sp.get(&marker)
	if e == nil {
		return nil
	}
	if now.Sub(e.list.mark.from) >= e.list.mark.lasts {
		sp.remove(e)
		return nil
	}
	return e.list.mark
}
