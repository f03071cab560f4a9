package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"
)

// Variants are the keys of an index's variants, of which some may be gone; nil
// for a response.
func (e *Entry[P]) Variants() []Key {
	if e.index == nil {
		return nil
	}
	return e.index.variants
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
func (sp *space[P]) find(i *index, match func(*P) bool) (e *Entry[P], found bool) {
	for _, v := range slices.Backward(i.variants) {
		c, there := sp.entries.GetEntryQuietly(v)
		if there && !c.Value.gone() && (match == nil || match(&c.Value.Policy)) {
			return sp.entries.GetIfPresent(v)
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

// Update puts e in the place of old, which [Store.Get] found with k, and says
// whether it did: not if another has taken that place since, or as [Store.Put].
// It is for what was learned about old alone; labels and variant must be its own.
func (s *Store[P]) Update(k Key, m Mark, old *Entry[P], l Labels, e Entry[P]) (updated bool) {
	sp := s.space.Load()
	if at, found := sp.entries.GetEntryQuietly(k); found && at.Value.index != nil {
		i := slices.IndexFunc(at.Value.index.variants, func(v Key) bool {
			there, found := sp.entries.GetEntryQuietly(v)
			return found && there.Value == old
		})
		if i < 0 {
			return false
		}
		k = at.Value.index.variants[i]
	}
	e.index = nil
	if s.prepare(sp, m, l, &e) != nil {
		return false
	}
	sp.used.Add(int64(e.weight))
	sp.entries.ComputeIfPresent(k, func(there *Entry[P]) (*Entry[P], otter.ComputeOp) {
		if updated = there == old; !updated {
			return nil, otter.CancelOp
		}
		return &e, otter.WriteOp
	})
	if !updated {
		sp.forget(&e)
	}
	sp.settle()
	return updated
}

// list makes k's index name a variant last, and says which. The index carries no
// groups: a purge of one variant's group must not hide the others.
func (s *Store[P]) list(k Key, m Mark, same, spent func(*P) bool, url string) (variant Key, err error) {
	sp := s.space.Load()
	sp.entries.Compute(k, func(old *Entry[P], found bool) (*Entry[P], otter.ComputeOp) {
		var listed []Key
		if found && old.index != nil && !old.gone() {
			listed = old.index.variants
		}
		if i := slices.IndexFunc(listed, func(v Key) bool { return sp.is(v, same) }); i >= 0 {
			if variant = listed[i]; i == len(listed)-1 {
				return nil, otter.CancelOp
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
				err = ErrVariants
				return nil, otter.CancelOp
			}
			for n := 0; ; n++ {
				if variant = k.variant(n); !slices.Contains(listed, variant) {
					break
				}
			}
		}
		e := &Entry[P]{index: &index{variants: slices.Concat(listed, []Key{variant})}}
		if err = s.prepare(sp, m, Labels{URL: url}, e); err != nil {
			return nil, otter.CancelOp
		}
		sp.used.Add(int64(e.weight))
		return e, otter.WriteOp
	})
	sp.settle()
	return variant, err
}

// is says whether v is there and matches, without counting it as a use.
func (sp *space[P]) is(v Key, match func(*P) bool) bool {
	e, found := sp.entries.GetEntryQuietly(v)
	return found && !e.Value.gone() && (match == nil || match(&e.Value.Policy))
}
