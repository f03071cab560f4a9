package storage

import "slices"

// Entry is what is stored: a response, or the index of a key's variants.
// Once stored it never changes; an update stores a new one, which may share the
// old one's Body.
type Entry[P any] struct {
	key    Key // first, as what a hit looks at first
	use    use // changed by hits, atomically
	weight uint32

	// Policy is what the caller needs to decide about the response, parsed once.
	Policy P
	// Body is the response's content.
	Body Body
	// Header is the response's, as it will be sent.
	Header Header

	one    [1][]byte // the body's chunk, where there is one: a hit finds it here
	mark   Mark
	list   *variants // nil for a response
	url    *tag
	groups []*tag
	block  block // the header's text, and mostly the body

	// Of the eviction's books.
	place int
	young bool
}

// Labels are what purges find an entry by.
type Labels struct {
	// URL as it was asked for, with scheme and host. Purges by URL and by
	// prefix compare its bytes.
	URL string
	// Groups, each made distinct by its origin, since RFC 9875 keeps the
	// groups of different origins apart.
	Groups []string
}

// URL is what the entry was labelled with.
func (e *Entry[P]) URL() string {
	if e.url == nil {
		return ""
	}
	return e.url.text
}

// Groups are what the entry was labelled with, in a new slice.
func (e *Entry[P]) Groups() []string {
	if len(e.groups) == 0 {
		return nil
	}
	names := make([]string, len(e.groups))
	for i, t := range e.groups {
		names[i] = t.text
	}
	return names
}

// In says whether the entry was labelled with a group.
func (e *Entry[P]) In(group string) bool {
	return slices.ContainsFunc(e.groups, func(t *tag) bool { return t.text == group })
}

// Weight is the number of bytes that the entry takes from the budget.
func (e *Entry[P]) Weight() int64 { return int64(e.weight) }

// variants is what is stored for a key with variants, or for one that is
// uncacheable, in place of a response.
type variants struct {
	keys []Key
	mark *uncacheable // nil for no marker
}
