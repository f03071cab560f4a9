package storm

import "sync/atomic"

const (
	rhythmWays  = 4  // entries of a set, which is one line of the processor's cache
	rhythmLeast = 5  // bits: 32 sets, 2 KiB
	rhythmMost  = 11 // bits: 2,048 sets, 8,192 entries, 128 KiB

	rhythmYoung = 60 * 64 // ticks for which an entry is worth a larger table

	// So many unknown fingerprints a second are entered at most: an entry must
	// last until its fingerprint comes again, and where nothing is ever asked
	// twice, most of what the table costs would be to enter what is never found.
	// Whoever comes often is entered soon all the same.
	enteredMost = 512.0
	fewest      = 255 // that is, one in 256
)

// rhythms is the table. It begins with nothing, and grows as long as entries
// that are young have to give way; what it holds is kept then.
type rhythms struct {
	table atomic.Pointer[rhythmTable]
	few   atomic.Uint64 // a mask: of so many unknown fingerprints, less one, one is entered
}

type rhythmTable struct {
	bits uint
	set  [][rhythmWays]beat
}

func newRhythmTable(bits uint) *rhythmTable {
	return &rhythmTable{bits, make([][rhythmWays]beat, 1<<bits)}
}

// begin makes the first table.
func (t *rhythms) begin() *rhythmTable {
	t.table.CompareAndSwap(nil, newRhythmTable(rhythmLeast))
	return t.table.Load()
}

// place is the set of a fingerprint, and its tag. The tag begins where the
// smallest table's index ends, so that set and tag together tell the place in a
// larger one.
func (t *rhythmTable) place(print uint64) (ways *[rhythmWays]beat, tag uint64) {
	print *= 0x9e3779b97f4a7c15
	return &t.set[print>>(-t.bits&63)], print>>(64-rhythmLeast-tagBits)&(1<<tagBits-1) | 1 // 0 is an empty entry
}

// grown is a table of twice the size with the same entries. What is learned
// while it is copied is lost.
func (t *rhythmTable) grown() *rhythmTable {
	g := newRhythmTable(t.bits + 1)
	further := startBits + countBits + tagBits - 1 - (t.bits - rhythmLeast) // the index's next bit
	for s := range t.set {
		for w := range t.set[s] {
			from := &t.set[s][w]
			if now := from.now.Load(); now != 0 {
				to := &g.set[uint64(s)<<1|now>>further&1][w]
				to.now.Store(now)
				to.learned.Store(from.learned.Load())
			}
		}
	}
	return g
}

// rate sets how many unknown fingerprints are entered, by how many requests came
// in the last second.
func (t *rhythms) rate(arrivals float64) {
	few := uint64(0)
	for few < fewest && arrivals > enteredMost*float64(few+1) {
		few = few<<1 | 1
	}
	t.few.Store(few)
}

// enter gives a new fingerprint the entry of the one that is least worth
// keeping: the longest idle of those without a rhythm, or else whose rhythm has
// stopped.
func (t *rhythms) enter(table *rhythmTable, ways *[rhythmWays]beat, at int64, tag uint64) {
	worst, most, young := 0, int64(-1), false
	for i := range ways {
		w := ways[i].now.Load()
		if w == 0 {
			worst, young = i, false
			break
		}
		idle := ticksSince(startOf(w), at)
		learned := ways[i].learned.Load()
		every, samples := int64(learned>>32), learned&0xffff // µs, and measurements
		worth := idle
		switch {
		case samples < known:
			worth += 1 << startBits
		case idle > rhythmIdle || idle > 16*every*1000/tick+period:
			worth += 1 << (startBits + 1)
		}
		if worth > most {
			worst, most, young = i, worth, idle < rhythmYoung
		}
	}
	if young && table.bits < rhythmMost {
		t.table.CompareAndSwap(table, table.grown())
		return // it comes again, if it is worth anything
	}
	ways[worst].learned.Store(0)
	ways[worst].now.Store(packNow(tag, at, 1))
}
