package proxy

import "hash/maphash"

// segments finds the children of a path's node. Once it is built it never changes.
//
// Go's map would do, but for where it has things: a look-up goes to its control
// words, to an entry, to the string that the entry points to, and to what it leads
// to. Among thousands of routes each of the four is a wait for memory. Here the
// segment stands in the entry itself, so there are two.
type segments struct {
	entries []segment            // a power of two of them, of which a quarter is free at least
	taken   int                  // of them
	long    map[string]*pathNode // of the segments that an entry has no room for
}

// segment is an entry: half a line of the processor's caches.
type segment struct {
	text [segmentRoom]byte
	size uint8
	node *pathNode // nil: the entry is free
}

const (
	segmentRoom  = 23 // bytes
	leastEntries = 4
)

// segmentSeed is another one in each process, so that nobody can choose paths
// that are long to look for.
var segmentSeed = maphash.MakeSeed()

// find returns the node of a segment, or nil.
func (s *segments) find(text string) *pathNode {
	if len(text) > segmentRoom {
		return s.long[text]
	}
	if len(s.entries) == 0 {
		return nil
	}
	return s.place(text).node
}

// place is the entry of a segment, or the free one that it would have. There is
// always a free one.
func (s *segments) place(text string) *segment {
	last := uint64(len(s.entries) - 1)
	for i := maphash.String(segmentSeed, text); ; i++ {
		e := &s.entries[i&last]
		if e.node == nil || string(e.text[:e.size]) == text {
			return e
		}
	}
}

// add makes node that of a segment, which has none yet.
func (s *segments) add(text string, node *pathNode) {
	if len(text) > segmentRoom {
		if s.long == nil {
			s.long = map[string]*pathNode{}
		}
		s.long[text] = node
		return
	}
	if 4*(s.taken+1) > 3*len(s.entries) {
		s.grow()
	}
	e := s.place(text)
	copy(e.text[:], text)
	e.size, e.node = uint8(len(text)), node
	s.taken++
}

// grow doubles the entries.
func (s *segments) grow() {
	old := s.entries
	s.entries = make([]segment, max(2*len(old), leastEntries))
	for i := range old {
		if e := &old[i]; e.node != nil {
			*s.place(string(e.text[:e.size])) = *e
		}
	}
}
