package storage

import "time"

// MarkUncacheable notes that what k asks for can't be stored, until then: so
// requests for it need not wait for one another in vain. A response that is
// stored under k stays.
func (s *Store[P]) MarkUncacheable(k Key, until time.Time) {
	// Without a label: only a hard purge of everything ends it before its time.
	marker := &Entry[P]{index: &index{until: until.UnixNano()}}
	_ = s.put(k.marker(), s.Mark(), Labels{}, marker, false) // refused only if purged meanwhile
}

// Uncacheable says whether k is marked so. It is worth asking after a miss.
func (s *Store[P]) Uncacheable(k Key, now time.Time) bool {
	sp := s.space.Load()
	e, found := sp.entries.GetIfPresent(k.marker())
	if !found {
		return false
	}
	if now.UnixNano() >= e.index.until {
		sp.remove(k.marker(), e)
		return false
	}
	return true
}
