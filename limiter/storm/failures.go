package storm

import (
	"math"
	"sync"
	"sync/atomic"
)

const (
	memoryWays      = 8
	memoryShards    = 1 << memoryShardBits
	memoryShardBits = 4
	memoryLeast     = 1 // bits: 2 sets, 1 KiB a shard
	memoryMost      = 6 // bits: 64 sets a shard, 8,192 failures and 544 KiB in all
)

// shard is a part of the memory. It has no table as long as there is nothing to
// remember. The table grows as long as failures would have to give way that
// still count, and is given up once none does.
type shard struct {
	sync.Mutex
	table atomic.Pointer[failures]
	_     [48]byte
}

// failures is a table. Tags are read without a lock, so that most arrivals
// find out without one that they aren't remembered.
type failures struct {
	bits uint
	set  []failureSet
}

type failureSet struct {
	tag [memoryWays]atomic.Uint32 // 0: empty
	way [memoryWays]failure
}

func spread(print uint64) uint64 { return print * 0xd6e8feb86659fd93 }

// of is the shard of a fingerprint.
func (m *memory) of(print uint64) *shard {
	return &m.shard[spread(print)>>(64-memoryShardBits)]
}

// place is the set of a fingerprint, and its tag.
func (t *failures) place(print uint64) (*failureSet, uint32) {
	print = spread(print)
	return &t.set[print<<memoryShardBits>>(-t.bits&63)], uint32(print>>16) | 1
}

// find is where a fingerprint is remembered, with its shard locked; nil,
// without a lock, if it isn't.
func (m *memory) find(now int64, print uint64) (sh *shard, f *failure, in *atomic.Uint32) {
	sh = m.of(print)
	table := sh.table.Load()
	if table == nil || !table.may(print) {
		return nil, nil, nil
	}
	sh.Lock()
	if table = sh.table.Load(); table != nil { // it may be another by now
		set, tag := table.place(print)
		for i := range set.way {
			if f := &set.way[i]; set.tag[i].Load() == tag && f.print == print && !f.over(now) {
				return sh, f, &set.tag[i]
			}
		}
	}
	sh.Unlock()
	return nil, nil, nil
}

// may says whether a fingerprint may be in the table.
func (t *failures) may(print uint64) bool {
	set, tag := t.place(print)
	for i := range set.tag {
		if set.tag[i].Load() == tag {
			return true
		}
	}
	return false
}

// room is where a fingerprint is remembered, or else is to be: known tells
// which. The shard is locked.
func (sh *shard) room(now int64, print uint64) (f *failure, known bool) {
	table := sh.table.Load()
	if table == nil {
		table = newFailures(memoryLeast)
		sh.table.Store(table)
	}
	for {
		set, tag := table.place(print)
		way, spare := set.room(now, print, tag)
		if spare || table.bits == memoryMost {
			f := &set.way[way]
			known = set.tag[way].Load() == tag && f.print == print && !f.over(now)
			set.tag[way].Store(tag)
			return f, known
		}
		table = table.grown(now)
		sh.table.Store(table)
	}
}

// room is the way of a set in which a fingerprint is, or else the one to be
// given up: one that is empty or over, or whose failure is longest ago. Spare:
// nothing is lost by that.
func (s *failureSet) room(now int64, print uint64, tag uint32) (way int, spare bool) {
	oldest := int64(math.MaxInt64)
	for i := range s.way {
		f, at, free := &s.way[i], s.way[i].at, false
		switch has := s.tag[i].Load(); {
		case has == tag && f.print == print:
			return i, true
		case has == 0:
			at, free = -1, true
		case f.over(now):
			at, free = 0, true
		}
		if at < oldest {
			oldest, way, spare = at, i, free
		}
	}
	return way, spare
}

func newFailures(bits uint) *failures { return &failures{bits, make([]failureSet, 1<<bits)} }

// grown is a table of twice the size with all that still counts.
func (t *failures) grown(now int64) *failures {
	g := newFailures(t.bits + 1)
	for s := range t.set {
		for w := range t.set[s].way {
			f := t.set[s].way[w]
			if t.set[s].tag[w].Load() == 0 || f.over(now) {
				continue
			}
			to, tag := g.place(f.print)
			to.way[w] = f
			to.tag[w].Store(tag)
		}
	}
	return g
}

// release gives the tables up if nothing is remembered.
func (m *memory) release(now int64) {
	for i := range m.shard {
		sh := &m.shard[i]
		if sh.table.Load() == nil {
			continue
		}
		sh.Lock()
		if now > m.until.Load() { // those that fail meanwhile move it under this lock
			sh.table.Store(nil)
		}
		sh.Unlock()
	}
}
