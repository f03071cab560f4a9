package storage

import (
	"slices"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
)

// Vary names the request's fields that tell the key's variants apart, as they
// were given to [Store.PutVariant]; nil for a response.
func (e *Entry[P]) Vary() []string {
	if e.index == nil {
		return nil
	}
	return e.index.vary
}

// Variants are the keys of the variants, of which some may be gone; nil for a
// response.
func (e *Entry[P]) Variants() []Key {
	if e.index == nil {
		return nil
	}
	return e.index.variants
}

// PutVariant stores a response to one variant of requests with key k: those with
// the same text, which the caller makes of their values of the fields in vary.
// A response with another Vary than the stored ones starts anew, as if it were
// the first. Beyond MaxVariants it isn't stored, and k is marked uncacheable;
// the variants that are there stay: they are as good as before.
func (s *Store[P]) PutVariant(k Key, m Mark, vary []string, text []byte, l Labels, e Entry[P], now time.Time) error {
	variant := k.Variant(text)
	if err := s.list(k, m, vary, variant, l.URL); err != nil {
		if err == ErrVariants {
			s.MarkUncacheable(k, now.Add(s.opt.VariantPause))
		}
		return err
	}
	return s.Put(variant, m, l, e)
}

// list makes k's index name variant. The index carries no groups: a purge of one
// variant's group must not hide the others.
func (s *Store[P]) list(k Key, m Mark, vary []string, variant Key, url string) (err error) {
	sp := s.space.Load()
	write := func(i index) (*Entry[P], otter.ComputeOp) {
		e := &Entry[P]{index: &i}
		if err = s.prepare(sp, m, Labels{URL: url}, e); err != nil {
			return nil, otter.CancelOp
		}
		sp.used.Add(int64(e.weight))
		return e, otter.WriteOp
	}
	sp.entries.Compute(k, func(old *Entry[P], found bool) (*Entry[P], otter.ComputeOp) {
		if !found || old.index == nil || old.gone() || !slices.Equal(old.index.vary, vary) {
			return write(index{vary: cloneAll(vary), variants: []Key{variant}})
		}
		listed := old.index.variants
		if slices.Contains(listed, variant) {
			return nil, otter.CancelOp
		}
		listed = slices.Clone(listed)
		if len(listed) >= s.opt.MaxVariants {
			listed = slices.DeleteFunc(listed, func(v Key) bool { return !sp.has(v) })
		}
		if len(listed) >= s.opt.MaxVariants {
			err = ErrVariants
			return nil, otter.CancelOp
		}
		return write(index{vary: old.index.vary, variants: slices.Clip(append(listed, variant))})
	})
	sp.settle()
	return err
}

// has looks without counting it as a use.
func (sp *space[P]) has(k Key) bool {
	e, found := sp.entries.GetEntryQuietly(k)
	return found && !e.Value.gone()
}

// RestoreIndex stores what Vary and Variants of an index said, after a restart.
// The variants are stored with [Store.Put], under their own keys.
func (s *Store[P]) RestoreIndex(k Key, m Mark, url string, vary []string, variants []Key) error {
	if len(variants) > s.opt.MaxVariants {
		return ErrVariants
	}
	restored := &index{vary: cloneAll(vary), variants: slices.Clone(variants)}
	return s.put(k, m, Labels{URL: url}, &Entry[P]{index: restored})
}

// cloneAll copies the texts too, which often pin a larger buffer.
func cloneAll(texts []string) []string {
	c := make([]string, len(texts))
	for i, t := range texts {
		c[i] = strings.Clone(t)
	}
	return c
}
