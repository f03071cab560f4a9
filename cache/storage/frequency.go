package storage

import "sync/atomic"

// How often something was asked for is counted up to usesMost, and halved from
// time to time, so that it is about these days. An entry's count stands in the
// entry, where a hit finds it without looking anywhere else; what has no
// entry is remembered by a sketch, roughly.
const (
	usesBits = 4
	usesMost = 1<<usesBits - 1
)

// use is an entry's count, in the lowest bits, and the age in which it was
// counted. An entry isn't touched when an age ends; its count is halved when it
// is looked at next.
type use = uint32

func useOf(uses, age uint32) use { return age<<usesBits | uses }

// usesAt is what is left of a count in a later age.
func usesAt(u use, age uint32) (uses uint32) {
	passed := (age<<usesBits - u&^usesMost) >> usesBits
	return u & usesMost >> min(passed, usesBits)
}

// uses is how often e was asked for.
func (e *Entry[P]) uses(age uint32) uint32 { return usesAt(atomic.LoadUint32(&e.use), age) }

// count counts a use, and says whether it did: not beyond usesMost, so that
// processors don't fight for an entry that all of them ask for. Of two at the same
// moment one may be lost.
func (e *Entry[P]) count(age uint32) bool {
	n := e.uses(age)
	if n == usesMost {
		return false
	}
	atomic.StoreUint32(&e.use, useOf(n+1, age))
	return true
}

// stripes count together, without processors fighting for one number.
type stripes [64]struct {
	n atomic.Int64
	_ [56]byte // a line of the processor's cache for each
}

func (s *stripes) sum() (sum int64) {
	for i := range s {
		sum += s[i].n.Load()
	}
	return sum
}

// sketch counts how often keys were asked for that have no entry, or hadn't when
// they were asked for. It is a count-min sketch (Cormode, Muthukrishnan, 2005) of
// four rows of four bits, all of a key's in one line of the processor's cache. The
// zero value has no room, and says that nothing was ever asked for.
type sketch []uint64 // lines of eight

// fit gives it room for so many keys. What it knew is forgotten when it grows.
func (s *sketch) fit(keys int) {
	if keys > len(*s) {
		n := 8
		for n < keys {
			n *= 2
		}
		*s = make(sketch, n)
	}
}

// counter is where a key's counter of a row is.
func (s sketch) counter(hash uint64, row int) (word *uint64, shift uint64) {
	line := hash >> 32 & uint64(len(s)/8-1)
	part := hash >> (8 * row)
	return &s[line*8+uint64(2*row)+part&1], part >> 1 & 15 * usesBits
}

const sketchRows = 4

// uses is how often the key was asked for, at least nearly.
func (s sketch) uses(hash uint64) uint32 {
	if len(s) == 0 {
		return 0
	}
	least := uint64(usesMost)
	for row := range sketchRows {
		word, shift := s.counter(hash, row)
		least = min(least, *word>>shift&usesMost)
	}
	return uint32(least)
}

// learn notes that it was so often.
func (s sketch) learn(hash uint64, uses uint32) {
	if len(s) == 0 {
		return
	}
	for row := range sketchRows {
		word, shift := s.counter(hash, row)
		if *word>>shift&usesMost < uint64(uses) {
			*word = *word&^(usesMost<<shift) | uint64(uses)<<shift
		}
	}
}

// halve halves all counts.
func (s sketch) halve() {
	for i := range s {
		s[i] = s[i] >> 1 & 0x7777_7777_7777_7777
	}
}
