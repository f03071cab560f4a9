package storage

import (
	"sync"
	"sync/atomic"
)

// space is the entries and what finds them. A hard purge of everything puts a
// new one in its place and leaves the old one to the garbage collector.
//
// Whoever changes it holds its lock, for about a microsecond; what that costs is
// little beside the fetch that a change comes from. Readers take none.
type space[P any] struct {
	index   index[P]
	urls    *tags
	groups  *tags
	used    atomic.Int64 // the sum of weights
	budget  atomic.Int64
	evicted *atomic.Uint64

	lock     sync.Mutex
	eviction eviction[P]
}

func newSpace[P any](budget int64, maxGroups int, evicted *atomic.Uint64) *space[P] {
	sp := &space[P]{urls: newTags(0), groups: newTags(maxGroups), evicted: evicted}
	sp.index.init()
	sp.bound(budget)
	return sp
}

// bound changes the budget, and evicts what is too much.
func (sp *space[P]) bound(budget int64) {
	sp.lock.Lock()
	defer sp.lock.Unlock()
	sp.budget.Store(budget)
	sp.eviction.bound(budget)
	sp.eviction.fit(sp.evict)
}

// get is the entry with this key, which counts as a use, or nil.
func (sp *space[P]) get(k *Key) *Entry[P] {
	e := sp.index.get(k)
	if e != nil {
		sp.eviction.use(e)
	}
	return e
}

// put stores e, which is prepared, in place of what is there. The lock is held.
func (sp *space[P]) put(e *Entry[P]) {
	hash := sp.index.hash(&e.key)
	sp.used.Add(int64(e.weight))
	if old := sp.index.put(hash, e); old != nil {
		sp.eviction.replace(old, e)
		sp.forget(old)
	} else {
		sp.eviction.add(hash, e)
	}
	sp.eviction.fit(sp.evict)
}

// remove takes e out unless it was replaced.
func (sp *space[P]) remove(e *Entry[P]) {
	sp.lock.Lock()
	defer sp.lock.Unlock()
	if sp.index.get(&e.key) == e {
		sp.drop(e)
	}
}

// evict is for what has to make room.
func (sp *space[P]) evict(e *Entry[P]) {
	sp.evicted.Add(1)
	sp.drop(e)
}

func (sp *space[P]) drop(e *Entry[P]) {
	hash := sp.index.hash(&e.key)
	sp.index.remove(hash, e)
	sp.eviction.remove(hash, e)
	sp.forget(e)
}

// forget takes e, which is no longer stored, out of the books.
func (sp *space[P]) forget(e *Entry[P]) {
	sp.used.Add(-int64(e.weight))
	sp.untag(e)
}

func (sp *space[P]) untag(e *Entry[P]) {
	if e.url != nil {
		sp.urls.release(e.url)
	}
	for _, t := range e.groups {
		sp.groups.release(t)
	}
}
