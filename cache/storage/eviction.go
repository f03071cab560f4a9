package storage

import (
	"slices"
	"sync/atomic"
)

// eviction decides which entries stay. All but use is for those who hold the
// space's lock.
//
// It is W-TinyLFU (Einziger, Friedman, Manes: TinyLFU, ACM TOS 2017) in a form in
// which a hit touches nothing but its own entry: no list to move it in, no table
// to count it in. A new entry stands in a short queue, the window, so that what is
// asked for in bursts has time to be. At the queue's end it must have been asked
// for more often than what would have to make room for it, or it goes, so that a
// burst of keys that are asked for once doesn't push out those that are asked for
// always. What makes room is the least used of a few entries at a hand that goes
// round: nearly the least used of all, as the hand sees new ones each time.
type eviction[P any] struct {
	budget int64 // bytes that all may take
	window int64 // bytes of it that new entries may take

	young    []*Entry[P] // from the eldest; nil where one was taken out
	first    int         // the place of young[0], counted from the beginning
	youngers int         // entries among them
	settled  []*Entry[P] // in any order
	hand     int         // the next of settled to be looked at

	youngBytes, settledBytes int64

	missed sketch
	age    atomic.Uint32 // how often counts were halved
	counts stripes       // uses since then, less those beyond usesMost
	puts   int
}

const (
	// windowShare is the window's share of the budget, one part in this many.
	windowShare = 100
	// looksAt is how many entries the hand passes for each that makes room. More
	// find a worse one, and take longer.
	looksAt = 16
	// ageUses is how many uses for each entry make an age. Fewer forget sooner
	// what isn't asked for any more, and know less.
	ageUses = 16
	// sketchShare is how many times as many keys as entries are remembered.
	sketchShare = 2
	// ageEvery is how many new entries there are between looks at the counts.
	ageEvery = 32
)

func (v *eviction[P]) bound(budget int64) {
	v.budget, v.window = budget, budget/windowShare
}

// use counts a hit. It may be called by anybody.
func (v *eviction[P]) use(e *Entry[P]) {
	if e.count(v.age.Load()) {
		v.counts[e.key[0]%byte(len(v.counts))].n.Add(1)
	}
}

// add takes a new entry into the books.
func (v *eviction[P]) add(hash uint64, e *Entry[P]) {
	v.aging()
	age := v.age.Load()
	n := min(v.missed.uses(hash)+1, usesMost)
	v.missed.learn(hash, n)
	v.counts[0].n.Add(1)
	atomic.StoreUint32(&e.use, useOf(n, age))
	e.young, e.place = true, v.first+len(v.young)
	v.young = append(v.young, e)
	v.youngers++
	v.youngBytes += int64(e.weight)
}

// replace puts e in the place of old.
func (v *eviction[P]) replace(old, e *Entry[P]) {
	age := v.age.Load()
	atomic.StoreUint32(&e.use, useOf(old.uses(age), age))
	v.use(e)
	e.young, e.place = old.young, old.place
	more := int64(e.weight) - int64(old.weight)
	if e.young {
		v.young[e.place-v.first] = e
		v.youngBytes += more
	} else {
		v.settled[e.place] = e
		v.settledBytes += more
	}
}

// remove takes an entry out of the books, and remembers how often it was asked for.
func (v *eviction[P]) remove(hash uint64, e *Entry[P]) {
	v.missed.learn(hash, e.uses(v.age.Load()))
	if e.young {
		v.young[e.place-v.first] = nil
		v.youngers--
		v.youngBytes -= int64(e.weight)
		return
	}
	last := len(v.settled) - 1
	v.settled[e.place] = v.settled[last]
	v.settled[e.place].place = e.place
	v.settled[last] = nil
	v.settled = v.settled[:last]
	v.settledBytes -= int64(e.weight)
}

// fit makes what is too much drop out, which is called for each such entry and must
// remove it.
func (v *eviction[P]) fit(drop func(*Entry[P])) {
	for v.youngBytes > v.window && v.youngers > 0 {
		v.settle(drop)
	}
	for v.settledBytes > v.budget-v.window && len(v.settled) > 1 {
		drop(v.least(nil))
	}
	for v.youngBytes+v.settledBytes > v.budget { // one entry of nearly all the budget, or beside such a one
		if e := v.eldest(); e != nil {
			drop(e)
		} else {
			drop(v.least(nil))
		}
	}
}

// eldest is the first entry of the window, or nil.
func (v *eviction[P]) eldest() *Entry[P] {
	for i, e := range v.young {
		if e == nil {
			continue
		}
		clear(v.young[:i])
		v.young, v.first = v.young[i:], v.first+i
		return e
	}
	v.young, v.first = v.young[:0], v.first+len(v.young)
	return nil
}

// settle ends the eldest new entry's time in the window: it stays in the place of
// others, or goes.
func (v *eviction[P]) settle(drop func(*Entry[P])) {
	e := v.eldest()
	need := min(v.settledBytes+int64(e.weight)-(v.budget-v.window), v.settledBytes)
	age := v.age.Load()
	var room [8]*Entry[P]
	others := room[:0]
	for freed := int64(0); freed < need; {
		o := v.least(others)
		if o == nil || o.uses(age) >= e.uses(age) {
			drop(e)
			return
		}
		others = append(others, o)
		freed += int64(o.weight)
	}
	for _, o := range others {
		drop(o)
	}
	v.young[0] = nil
	v.youngers--
	v.youngBytes -= int64(e.weight)
	e.young, e.place = false, len(v.settled)
	v.settled = append(v.settled, e)
	v.settledBytes += int64(e.weight)
}

// least is the least used of the next few settled entries that aren't among those
// that were found already; nil: there is none.
func (v *eviction[P]) least(found []*Entry[P]) (least *Entry[P]) {
	age, uses := v.age.Load(), uint32(usesMost+1)
	for looked := 0; looked < len(v.settled) && (looked < looksAt || least == nil); looked++ {
		if v.hand >= len(v.settled) {
			v.hand = 0
		}
		e := v.settled[v.hand]
		v.hand++
		if n := e.uses(age); n < uses && !slices.Contains(found, e) {
			least, uses = e, n
		}
	}
	return least
}

// aging halves all counts when there were enough uses, and gives the sketch room
// when the budget begins to be short.
func (v *eviction[P]) aging() {
	if v.puts++; v.puts%ageEvery != 0 {
		return
	}
	entries := v.youngers + len(v.settled)
	if v.youngBytes+v.settledBytes >= v.budget/2 {
		v.missed.fit(sketchShare * entries)
	}
	if sum := v.counts.sum(); sum >= ageUses*int64(max(entries, 64)) {
		v.counts[0].n.Add(-sum / 2)
		v.age.Store((v.age.Load() + 1) &^ (usesMost << (32 - usesBits)))
		v.missed.halve()
	}
}
