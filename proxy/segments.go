package proxy

import (
	"hash/maphash"
	"unsafe"

	"github.com/levee-proxy/levee/internal/prefetch"
	"github.com/levee-proxy/levee/internal/telemetry"
)

// pathNode is one segment of a path prefix.
type pathNode struct {
	route    *route                  // ends here; nil where no route does
	metrics  *telemetry.RouteMetrics // of route
	children *segments               // nil: none
}

// expect has the processor load what the request will need of its route.
func (n *pathNode) expect() *route {
	prefetch.Lines(unsafe.Pointer(n.route), routeLines)
	n.metrics.Expect()
	return n.route
}

// segments finds the children of a path's node. Once it is built it never changes.
//
// Go's map would do, but for where it has things: a look-up goes to its control
// words, to an entry, to the string that the entry points to, and to what it leads
// to. Among thousands of routes each of the four is a wait for memory, one behind
// the other. Here the segment and its node stand in the entry itself, so there are
// two: for the entry, and then for all that it points to at once.
type segments struct {
	entries []segment            // a power of two of them, of which a quarter is free at least
	taken   int                  // of them
	long    map[string]*pathNode // of the segments that an entry has no room for
}

// segment is an entry: a line of the processor's caches.
type segment struct {
	text [segmentRoom]byte
	size uint8 // 0: the entry is free
	pathNode
}

const (
	segmentRoom  = 39 // bytes
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
	if len(s.entries) > 0 {
		if e := s.place(text); e.size > 0 {
			return &e.pathNode
		}
	}
	return nil
}

// place is the entry of a segment, or the free one that it would have. There is
// always a free one.
func (s *segments) place(text string) *segment {
	last := uint64(len(s.entries) - 1)
	for i := maphash.String(segmentSeed, text); ; i++ {
		e := &s.entries[i&last]
		if e.size == 0 || string(e.text[:e.size]) == text {
			return e
		}
	}
}

// add makes a node for a segment, which isn't empty and has none yet. It stays
// where it is until the next one is added.
func (s *segments) add(text string) *pathNode {
	if len(text) > segmentRoom {
		if s.long == nil {
			s.long = map[string]*pathNode{}
		}
		s.long[text] = &pathNode{}
		return s.long[text]
	}
	if 4*(s.taken+1) > 3*len(s.entries) {
		s.grow()
	}
	e := s.place(text)
	e.size = uint8(copy(e.text[:], text))
	s.taken++
	return &e.pathNode
}

// grow doubles the entries.
func (s *segments) grow() {
	old := s.entries
	s.entries = make([]segment, max(2*len(old), leastEntries))
	for i := range old {
		if e := &old[i]; e.size > 0 {
			*s.place(string(e.text[:e.size])) = *e
		}
	}
}
