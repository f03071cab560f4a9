package storage

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/levee-proxy/levee/internal/prefetch"
)

// index finds entries by their keys. Readers take no lock and write nothing; those
// who change it hold their space's lock.
//
// Among a million entries a hit finds nothing in the processor's caches, and each
// step from one place in memory to another takes as long as some hundred
// instructions. So there are two: to the set of a key's hash, and from there both
// to the entry and to the bytes that its answer begins with, which are asked for
// at once. A byte of each key's hash stands in the set, so that other keys'
// entries are hardly ever touched. As in CLHT (David, Guerraoui, Trigonakis:
// Asynchronized Concurrency, ASPLOS 2015), a set that is full has another one behind it.
type index[P any] struct {
	seed   maphash.Seed
	count  atomic.Int64
	shards [indexShards]indexShard[P]
}

// indexShard grows by itself: a writer then waits for a share of the entries to
// be looked at, not for all.
type indexShard[P any] struct {
	sets  atomic.Pointer[[]indexSet[P]] // their number is a power of two
	count int
}

const (
	indexShards = 64
	setSlots    = 7
	// setLoad is the mean number of entries in a set above which a shard grows.
	// With 4.5, one in thirty stands in a set behind.
	setLoad = 4.5
)

// indexSet is two lines of the processor's cache, which come together.
type indexSet[P any] struct {
	tags  atomic.Uint64 // a byte for each slot, the lowest for the first; 0: it is empty
	slots [setSlots]indexSlot[P]
	next  atomic.Pointer[indexSet[P]]
}

type indexSlot[P any] struct {
	entry atomic.Pointer[Entry[P]]
	lead  atomic.Pointer[lead] // the entry's
}

const (
	tagLow  = 0x00_01_01_01_01_01_01_01 // a byte for each slot
	tagHigh = 0x00_80_80_80_80_80_80_80
)

func (ix *index[P]) init() {
	ix.seed = maphash.MakeSeed()
	for i := range ix.shards {
		sets := make([]indexSet[P], 1)
		ix.shards[i].sets.Store(&sets)
	}
}

// hash is seeded: nobody can choose requests that share a set.
func (ix *index[P]) hash(k *Key) uint64 { return maphash.Bytes(ix.seed, k[:]) }

func (ix *index[P]) shard(hash uint64) *indexShard[P] { return &ix.shards[hash%indexShards] }

func setOf[P any](sets []indexSet[P], hash uint64) *indexSet[P] {
	return &sets[hash/indexShards&uint64(len(sets)-1)]
}

// tagOf is never 0.
func tagOf(hash uint64) byte { return byte(hash>>56) | 0x80 }

// marked are the slots whose tag is this one, as the highest bits of their bytes.
// There may be one too many, never one too few.
func marked(tags uint64, tag byte) uint64 {
	x := tags ^ uint64(tag)*tagLow
	return (x - tagLow) &^ x & tagHigh
}

// get is k's entry, or nil. It has the processor load what a hit needs of it.
func (ix *index[P]) get(k *Key) *Entry[P] {
	hash := ix.hash(k)
	tag := tagOf(hash)
	for s := setOf(*ix.shard(hash).sets.Load(), hash); s != nil; s = s.next.Load() {
		for m := marked(s.tags.Load(), tag); m != 0; m &= m - 1 {
			slot := &s.slots[bits.TrailingZeros64(m)/8]
			e, lead := slot.entry.Load(), slot.lead.Load()
			// The processor runs ahead of the comparison, and so loads entry and lead at once.
			if e != nil && e.key == *k && lead.fetch()+e.fetch() >= 0 {
				return e
			}
		}
	}
	return nil
}

// What expect loads of an entry and of what its answer begins with, in lines of
// the processor's cache: up to the fields, and all of a lead. More, of the places
// that a processor has for what is on its way, measured no better.
const (
	entryLines = 7
	leadLines  = len(lead{}) / line
)

// expect has the processor load what get will look at and what a hit then needs.
// It waits for the set alone.
func (ix *index[P]) expect(k *Key) {
	hash := ix.hash(k)
	s := setOf(*ix.shard(hash).sets.Load(), hash)
	for m := marked(s.tags.Load(), tagOf(hash)); m != 0; m &= m - 1 {
		slot := &s.slots[bits.TrailingZeros64(m)/8]
		prefetch.Lines(unsafe.Pointer(slot.entry.Load()), entryLines)
		prefetch.Lines(unsafe.Pointer(slot.lead.Load()), leadLines)
	}
}

// find is where k's entry stands.
func (ix *index[P]) find(hash uint64, k *Key) (in *indexSet[P], at int) {
	for in = setOf(*ix.shard(hash).sets.Load(), hash); in != nil; in = in.next.Load() {
		for m := marked(in.tags.Load(), tagOf(hash)); m != 0; m &= m - 1 {
			at = bits.TrailingZeros64(m) / 8
			if e := in.slots[at].entry.Load(); e != nil && e.key == *k {
				return in, at
			}
		}
	}
	return nil, 0
}

// put puts e in the place of the entry with its key, which it returns, or nil.
func (ix *index[P]) put(hash uint64, e *Entry[P]) (old *Entry[P]) {
	if in, at := ix.find(hash, &e.key); in != nil {
		slot := &in.slots[at]
		old = slot.entry.Load()
		slot.lead.Store(e.lead())
		slot.entry.Store(e)
		return old
	}
	shard := ix.shard(hash)
	if sets := *shard.sets.Load(); float64(shard.count) >= setLoad*float64(len(sets)) {
		ix.grow(shard)
	}
	insert(setOf(*shard.sets.Load(), hash), tagOf(hash), e)
	shard.count++
	ix.count.Add(1)
	return nil
}

// insert puts e into the first free slot of s and those behind it.
func insert[P any](s *indexSet[P], tag byte, e *Entry[P]) {
	for {
		tags := s.tags.Load()
		if empty := ^tags & tagHigh; empty != 0 {
			at := bits.TrailingZeros64(empty) / 8
			s.slots[at].lead.Store(e.lead())
			s.slots[at].entry.Store(e)
			s.tags.Store(tags | uint64(tag)<<(8*at)) // last: who sees the tag finds the entry
			return
		}
		if s.next.Load() == nil {
			s.next.Store(new(indexSet[P]))
		}
		s = s.next.Load()
	}
}

// grow doubles the number of a shard's sets. Readers go on in the old ones, which
// stay as they are.
func (ix *index[P]) grow(shard *indexShard[P]) {
	old := *shard.sets.Load()
	sets := make([]indexSet[P], 2*len(old))
	for e := range entriesIn(old) {
		hash := ix.hash(&e.key)
		insert(setOf(sets, hash), tagOf(hash), e)
	}
	shard.sets.Store(&sets)
}

// remove takes out e, which must be there.
func (ix *index[P]) remove(hash uint64, e *Entry[P]) {
	in, at := ix.find(hash, &e.key)
	in.tags.Store(in.tags.Load() &^ (0xff << (8 * at)))
	in.slots[at].entry.Store(nil)
	in.slots[at].lead.Store(nil)
	ix.shard(hash).count--
	ix.count.Add(-1)
}

// all lists the entries. What is changed meanwhile may be seen or not, but what
// has an entry all the time is seen.
func (ix *index[P]) all() iter.Seq[*Entry[P]] {
	return func(yield func(*Entry[P]) bool) {
		for i := range ix.shards {
			for e := range entriesIn(*ix.shards[i].sets.Load()) {
				// The shard may have grown since, and another have taken its place in the new sets.
				if e = ix.get(&e.key); e != nil && !yield(e) {
					return
				}
			}
		}
	}
}

func entriesIn[P any](sets []indexSet[P]) iter.Seq[*Entry[P]] {
	return func(yield func(*Entry[P]) bool) {
		for i := range sets {
			for s := &sets[i]; s != nil; s = s.next.Load() {
				for at := range s.slots {
					if e := s.slots[at].entry.Load(); e != nil && !yield(e) {
						return
					}
				}
			}
		}
	}
}
