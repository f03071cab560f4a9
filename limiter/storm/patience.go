package storm

import (
	"sync/atomic"
	"time"
)

const (
	patienceBits = 11 // 2,048 clients and classes

	patienceSure  = 8                      // seconds in which some left at the same age, in a row, that make it known
	patienceLasts = int64(5 * time.Second) // without a confirmation
)

// patiences are how long clients wait before they give up, learned from when
// they do. A client that gives up at the same age again and again has a
// timeout. Several that leave in the same second count once: one event, such as
// a page that is closed, ends all that it has asked for. Each entry is one
// word, written without a lock: a lost update only delays what is learned.
type patiences struct {
	until atomic.Int64                  // nothing is known or suspected after
	table atomic.Pointer[patienceTable] // nil then
}

type patienceTable [1 << patienceBits]atomic.Uint64

// patience is an entry: the age in milliseconds (22 bits, 70 minutes), in how
// many seconds in a row it was seen (4 bits), and when last, in seconds (16 bits).
type patience struct {
	tag  uint64
	age  time.Duration
	row  int
	seen int64 // seconds
}

const patienceTag = 22

func (p patience) pack() uint64 {
	return p.tag<<42 | min(uint64(p.age.Milliseconds()), 1<<22-1)<<20 | uint64(p.row&15)<<16 | uint64(p.seen)&0xffff
}

func unpackPatience(w uint64) patience {
	return patience{w >> 42, time.Duration(w>>20&(1<<22-1)) * time.Millisecond, int(w >> 16 & 15), int64(w & 0xffff)}
}

func (t *patienceTable) place(r *Request) (*atomic.Uint64, uint64) {
	h := mix(r.Client ^ uint64(r.Class)<<56)
	return &t[h>>(64-patienceBits)], h&(1<<patienceTag-1) | 1
}

// near says whether two ages are the same but for a tenth.
func near(a, b time.Duration) bool { return (a - b).Abs() <= max(a, b)/10 }

// left takes note that r's client gave up at now, after far longer than answers
// usually take.
func (p *patiences) left(now int64, r *Request) {
	if r.Client == 0 {
		return
	}
	table := p.table.Load()
	if table == nil {
		p.table.CompareAndSwap(nil, new(patienceTable))
		if table = p.table.Load(); table == nil {
			return // given up again: it was long ago
		}
	}
	e, tag := table.place(r)
	age := time.Duration(max(0, now-r.since))
	seen := now / int64(time.Second)
	was := unpackPatience(e.Load())
	is := patience{tag: tag, age: age, row: 1, seen: seen}
	if was.tag == tag && near(was.age, age) && fresh(was.seen, now) {
		is.age, is.row = max(age, was.age), was.row
		if was.seen != seen&0xffff {
			is.row = min(was.row+1, patienceSure)
		}
	}
	e.Store(is.pack())
	if last := now + patienceLasts; last > p.until.Load() {
		p.until.Store(last)
	}
}

// fresh says whether a second, of which only the last bits are kept, is not too long ago.
func fresh(seen, now int64) bool {
	return (now/int64(time.Second)-seen)&0xffff <= patienceLasts/int64(time.Second)
}

// answered takes note that r's client took an answer at now. One that came
// later than it is believed to wait proves that wrong.
func (p *patiences) answered(now int64, r *Request) {
	table := p.table.Load()
	if r.Client == 0 || table == nil {
		return
	}
	e, tag := table.place(r)
	w := e.Load()
	was := unpackPatience(w)
	if age := time.Duration(now - r.since); was.tag == tag && age > was.age {
		e.CompareAndSwap(w, 0)
	}
}

// of is how long r's client waits, if that is known.
func (p *patiences) of(r *Request) (time.Duration, bool) {
	if r.Client == 0 || r.since > p.until.Load() {
		return 0, false
	}
	table := p.table.Load()
	if table == nil {
		return 0, false
	}
	e, tag := table.place(r)
	w := unpackPatience(e.Load())
	if w.tag != tag || w.row < patienceSure || !fresh(w.seen, r.since) {
		return 0, false
	}
	return w.age, true
}

// release gives the table up if nothing is known.
func (p *patiences) release(now int64) {
	if p.table.Load() != nil && now > p.until.Load() {
		p.table.Store(nil)
	}
}
