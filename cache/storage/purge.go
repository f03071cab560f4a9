package storage

import (
	"time"
)

// Mode is what a purge does to what it covers.
type Mode int

const (
	// Soft makes entries stale as of now: they are validated before they are
	// used again, and still there for an outage.
	Soft Mode = iota
	// Hard makes them as if they had never been stored.
	Hard
)

// Mark is a point in the sequence of purges. A fetch takes it before its request
// goes to the upstream: a response that was asked for before a purge must not
// be stored after it, as if it were newer.
type Mark uint64

// Mark is the present one.
func (s *Store[P]) Mark() Mark { return Mark(s.purges.Load()) }

// number is the next purge's.
func (s *Store[P]) number() uint64 {
	n := s.purges.Add(1)
	raise(&s.past.last, n)
	return n
}

// PurgeURL purges the entries labelled with this URL, all variants of it,
// and says whether there were any.
func (s *Store[P]) PurgeURL(url string, how Mode, now time.Time) bool {
	n := s.number()
	s.past.url(url, n)
	return s.space.Load().urls.find(url, how, n, now.UnixNano())
}

// PurgeGroup purges the entries labelled with this group, and says whether
// there were any.
func (s *Store[P]) PurgeGroup(group string, how Mode, now time.Time) bool {
	n := s.number()
	s.past.group(group, n)
	return s.space.Load().groups.find(group, how, n, now.UnixNano())
}

// PurgePrefix purges the entries labelled with a URL that begins with prefix, and
// counts those URLs. It looks at every URL, some milliseconds for each hundred
// thousand; hits go on meanwhile.
func (s *Store[P]) PurgePrefix(prefix string, how Mode, now time.Time) int {
	n := s.number()
	s.past.prefix(prefix, n)
	return s.space.Load().urls.findPrefix(prefix, how, n, now.UnixNano())
}

// PurgeAll purges everything, in constant time. A hard one also gives the memory
// back at once, markers included.
func (s *Store[P]) PurgeAll(how Mode, now time.Time) {
	n := s.number()
	s.all.mark(how, n, now.UnixNano())
	raise(&s.past.all, n)
	if how == Hard {
		s.renew.Lock()
		defer s.renew.Unlock()
		old := s.space.Load()
		s.space.Store(newSpace[P](old.budget.Load(), s.opt.MaxGroups, &s.evicted))
	}
}

// Count counts the responses for which covers is true. It looks at all of them,
// which takes about a millisecond for each ten thousand; hits go on meanwhile.
func (s *Store[P]) Count(covers func(*Entry[P]) bool) int {
	n := 0
	for _, e := range s.All() {
		if e.list == nil && covers(e) {
			n++
		}
	}
	return n
}

// Sweep gives back at once what hard purges cover, and how many responses that
// were. Without it each waits until it is asked for, or has to make room.
func (s *Store[P]) Sweep() (responses int) {
	sp := s.space.Load()
	for e := range sp.index.all() {
		if !e.gone() {
			continue
		}
		sp.remove(e)
		if e.list == nil {
			responses++
		}
	}
	return responses
}

// Purged says whether e was purged softly, and since when: then it is stale
// from that moment at the latest, whatever its own lifetime says. Of several
// purges the last counts.
func (s *Store[P]) Purged(e *Entry[P]) (since time.Time, purged bool) {
	if s.Mark() == e.mark { // nothing was purged since
		return time.Time{}, false
	}
	at := int64(0)
	for i := -2; i < len(e.groups); i++ {
		if t := s.tagOf(e, i); t != nil && t.soft.Load() > uint64(e.mark) {
			at, purged = max(at, t.softAt.Load()), true
		}
	}
	if !purged {
		return time.Time{}, false
	}
	return time.Unix(0, at), true
}

// tagOf numbers e's tags: everything is -2, its URL -1, groups count from 0.
func (s *Store[P]) tagOf(e *Entry[P], i int) *tag {
	switch i {
	case -2:
		return &s.all
	case -1:
		return e.url
	default:
		return e.groups[i]
	}
}

// gone says whether a hard purge covers e.
func (e *Entry[P]) gone() bool {
	if e.url != nil && e.url.hard.Load() > uint64(e.mark) {
		return true
	}
	for _, t := range e.groups {
		if t.hard.Load() > uint64(e.mark) {
			return true
		}
	}
	return false
}
