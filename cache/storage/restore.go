package storage

import "slices"

// Restore stores a response that [Store.All] listed before a restart, under the
// key that it had, unless the key has one already: what was fetched since the
// start is newer than any that was kept. m is taken before the first is restored,
// so that what is purged while they are restored stays purged; 0 leaves out what
// was purged since the beginning of the store's [Past].
func (s *Store[P]) Restore(k Key, m Mark, l Labels, e Entry[P]) error {
	e.list = nil
	return s.put(k, m, l, &e, true)
}

// RestoreIndex is like Restore, for what Variants said of an index. The order in
// which it and its variants are restored doesn't matter.
func (s *Store[P]) RestoreIndex(k Key, m Mark, url string, keys []Key) error {
	if len(keys) > s.opt.MaxVariants {
		return ErrVariants
	}
	return s.put(k, m, Labels{URL: url}, &Entry[P]{list: &variants{keys: slices.Clone(keys)}}, true)
}
