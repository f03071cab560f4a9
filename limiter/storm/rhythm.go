package storm

import (
	"sync/atomic"
	"time"
)

// A caller that asks the same thing again and again (a poller, a health check,
// a batch job whose requests look alike) would look like a retrier as soon as
// one of its requests fails. So the rhythm of each fingerprint is learned while
// all is well, and what it explains isn't called a retry.
//
// The table is written on every arrival, so it has no lock: a lost update
// costs a little precision. An entry is two words. The first holds a tag, when
// the current period began and how many came in it; a period ends with the
// first arrival a second or more after it began, and is a measurement of the
// time between two arrivals: for a poller that comes every ten seconds as for a
// thousand requests a second. The second word is what was learned. Where the
// entries are, and who gets one, is in rhythms.go.

const (
	tagBits   = 20
	startBits = 24
	countBits = 64 - tagBits - startBits
	countMax  = 1<<countBits - 1

	tick       = int64(time.Second) / 64 // the unit of a period's beginning
	period     = 64                      // ticks that a period lasts at least
	rhythmIdle = 10 * 60 * 64            // ticks after which an entry gives way to any other

	busy     = 256 // arrivals in a period above which only one in busyStep is counted, as busyStep
	busyStep = 16

	known      = 2 // measurements that make a rhythm
	knownDense = 4 // that make a dense one, of which a burst would be explained
	slowWeight = 64

	many = time.Second / 5
)

// rhythm is what is known of the times between arrivals of a fingerprint.
type rhythm struct {
	every   time.Duration // smoothed; 0: unknown
	spread  time.Duration // how far measurements are off, on average
	samples int
}

// dense says that more than one a second come.
func (r rhythm) dense() bool { return r.every > 0 && r.every < time.Second }

type beat struct {
	now, learned atomic.Uint64
}

func packNow(tag uint64, start int64, count uint64) uint64 {
	return tag<<(startBits+countBits) | uint64(start)&(1<<startBits-1)<<countBits | count
}

func startOf(w uint64) int64 { return int64(w >> countBits & (1<<startBits - 1)) }

// ticksSince is how many ticks have passed since a beginning, of which only
// the last bits are kept.
func ticksSince(start, now int64) int64 { return (now - start) & (1<<startBits - 1) }

// learned: microseconds between arrivals (32 bits, an hour), their spread in
// 1/256 of that (16 bits), measurements (16 bits).
func packLearned(r rhythm) uint64 {
	every := min(uint64(r.every.Microseconds()), 1<<32-1)
	spread := uint64(0)
	if r.every > 0 {
		spread = min(uint64(256*float64(r.spread)/float64(r.every)), 1<<16-1)
	}
	return every<<32 | spread<<16 | uint64(r.samples)
}

func unpackLearned(w uint64) rhythm {
	every := time.Duration(w>>32) * time.Microsecond
	return rhythm{every, time.Duration(float64(every) * float64(w>>16&0xffff) / 256), int(w & 0xffff)}
}

// learn is what a rhythm may learn from an arrival.
type learn uint8

const (
	learnNothing learn = iota
	learnAll
	learnSlowly // retries may be among what is measured
	learnMany   // as long as it knows nothing: only that many come in a second
)

// beat takes note of an arrival.
func (t *rhythms) beat(now int64, print uint64, l learn) {
	table := t.table.Load()
	if table == nil {
		table = t.begin()
	}
	ways, tag := table.place(print)
	at := now / tick
	for i := range ways {
		w := ways[i].now.Load()
		if w>>(startBits+countBits) != tag {
			continue
		}
		switch passed, count := ticksSince(startOf(w), at), w&countMax; {
		case passed >= period:
			if ways[i].now.CompareAndSwap(w, packNow(tag, at, 1)) {
				ways[i].measure(passed, count, l)
			}
		case count < busy:
			ways[i].now.Add(1)
		case mix(uint64(now))%busyStep == 0 && count < countMax-64*busyStep:
			ways[i].now.Add(busyStep)
		}
		return
	}
	if few := t.few.Load(); few == 0 || mix(uint64(now)^print)&few == 0 {
		t.enter(table, ways, at, tag)
	}
}

// measure learns from a period: count arrivals in so many ticks.
func (b *beat) measure(ticks int64, count uint64, l learn) {
	r := unpackLearned(b.learned.Load())
	every := time.Duration(ticks * tick / int64(max(count, 1)))
	if l == learnMany && every > many {
		return
	}
	switch off := every - r.every; {
	case r.samples == 0:
		r.every, r.spread, r.samples = every, every/4, 1
	case every > 4*r.every+time.Second:
		// It paused. That says nothing about how it goes on after; if it goes on
		// slower, it is learned anew.
		r.samples--
	default:
		if l == learnSlowly {
			r.every += off / slowWeight
			break
		}
		weight := time.Duration(min(r.samples+1, 8))
		r.every += off / weight
		r.spread += (off.Abs() - r.spread) / weight
		r.samples = min(r.samples+1, 16)
	}
	b.learned.Store(packLearned(r))
}

// of is the rhythm of a fingerprint; the zero value is none.
func (t *rhythms) of(print uint64) rhythm {
	table := t.table.Load()
	if table == nil {
		return rhythm{}
	}
	ways, tag := table.place(print)
	for i := range ways {
		if ways[i].now.Load()>>(startBits+countBits) == tag {
			if r := unpackLearned(ways[i].learned.Load()); r.samples >= knownDense || r.samples >= known && !r.dense() {
				return r
			}
			break
		}
	}
	return rhythm{}
}
