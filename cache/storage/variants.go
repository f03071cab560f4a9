package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Variants are the keys of an index's variants, of which some may be gone; nil
// for a response.
func (e *Entry[P]) Variants() []Key {
	if e.list == nil {
		return nil
	}
	return e.list.keys
}

// variant is where k's nth variant is.
func (k Key) variant(n int) Key {
	var text [len(k) + 8]byte
	copy(text[:], k[:])
	binary.LittleEndian.PutUint64(text[len(k):], uint64(n))
	return sha256.Sum256(text[:])
}

// find looks for the variant that matches, the one that was stored last first.
// Those that don't match are not used, so looking at them doesn't keep them.
func (sp *space[P]) find(list *variants, match func(*P) bool) (e *Entry[P], found bool) {
	for i := range slices.Backward(list.keys) {
		e := sp.index.get(&list.keys[i])
		if e != nil && !e.gone() && (match == nil || match(&e.Policy)) {
			sp.eviction.use(e)
			return e, true
		}
	}
	return nil, false
}

// PutVariant is like [Store.Put], for one of several responses of k. It takes the
// place of the variant whose policy is the same, or stands beside those that are
// there. Of MaxVariants it takes the place of the one that was stored first of
// those whose policy is spent; nil: none is. If none is spent, it isn't stored, and
// k is marked uncacheable; the variants that are there stay: they are as good as
// before. same and spent must be pure functions.
func (s *Store[P]) PutVariant(k Key, m Mark, same, spent func(*P) bool, l Labels, e Entry[P], now time.Time) error {
	variant, err := s.list(k, m, same, spent, l.URL)
	if err == ErrVariants {
		s.MarkUncacheable(k, now, s.opt.VariantPause)
	}
	if err != nil {
		return err
	}
	return s.Put(variant, m, l, e)
}

// Update puts e in the place of old, which [Store.Get] found, and says
// whether it did: not if another has taken that place since, or as [Store.Put].
// It is for what was learned about old alone; labels and variant must be its own.
func (s *Store[P]) Update(m Mark, old *Entry[P], l Labels, e Entry[P]) (updated bool) {
	sp := s.space.Load()
	e.list = nil
	j, err := s.prepare(sp, old.key, m, l, &e)
	if err != nil {
		return false
	}
	sp.lock.Lock()
	defer sp.lock.Unlock()
	if sp.index.get(&old.key) != old {
		sp.untag(j)
		return false
	}
	sp.put(j)
	return true
}

// list makes k's index name a variant last, and says which. The index carries no
// groups: a purge of one variant's group must not hide the others.
func (s *Store[P]) list(k Key, m Mark, same, spent func(*P) bool, url string) (variant Key, err error) {
	sp := s.space.Load()
	sp.lock.Lock()
	defer sp.lock.Unlock()
	var listed []Key
	if old := sp.index.get(&k); old != nil && old.list != nil && !old.gone() {
		listed = old.list.keys
	}
	if i := slices.IndexFunc(listed, func(v Key) bool { return sp.is(v, same) }); i >= 0 {
		if variant = listed[i]; i == len(listed)-1 {
			return variant, nil
		}
		listed = slices.Delete(slices.Clone(listed), i, i+1)
	} else {
		if len(listed) >= s.opt.MaxVariants {
			listed = slices.DeleteFunc(slices.Clone(listed), func(v Key) bool { return !sp.is(v, nil) })
		}
		if len(listed) >= s.opt.MaxVariants && spent != nil {
			if i := slices.IndexFunc(listed, func(v Key) bool { return sp.is(v, spent) }); i >= 0 {
				listed = slices.Delete(listed, i, i+1)
			}
		}
		if len(listed) >= s.opt.MaxVariants {
			return variant, ErrVariants
		}
		for n := 0; ; n++ {
			if variant = k.variant(n); !slices.Contains(listed, variant) {
				break
			}
		}
	}
	e, err := s.prepare(sp, k, m, Labels{URL: url}, &Entry[P]{list: &variants{keys: slices.Concat(listed, []Key{variant})}})
	if err != nil {
		return variant, err
	}
	sp.put(e)
	return variant, nil
}

// is says whether v is there and matches, without counting it as a use.
func (sp *space[P]) is(v Key, match func(*P) bool) bool {
	e := sp.index.get(&v)
	return e != nil && !e.gone() && (match == nil || match(&e.Policy))
}
