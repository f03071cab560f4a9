package storage

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// tag is something that a purge can name: a URL, a group, or everything. It
// carries the number of the last purge that named it; an entry whose mark is
// older is covered by that purge. So a purge takes the same time whether it
// covers one entry or a million, and needs no list of them.
type tag struct {
	text   string
	hard   atomic.Uint64 // number of the last hard purge
	soft   atomic.Uint64 // number of the last soft purge
	softAt atomic.Int64  // its time, in nanoseconds of Unix time
	refs   int           // entries that carry it; guarded by the index
}

// mark notes that purge number n named the tag.
func (t *tag) mark(how Mode, n uint64, at int64) {
	if how == Hard {
		raise(&t.hard, n)
		return
	}
	// The time first: who sees the number must not see an older time.
	t.softAt.Store(at)
	raise(&t.soft, n)
}

// raise sets v to n unless it is higher: purges may overtake each other.
func raise(v *atomic.Uint64, n uint64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

const shards = 64

// tags finds a tag by its text as long as an entry carries it.
type tags struct {
	max    int // 0: unbounded, as each tag is paid for by its entry
	count  atomic.Int64
	seed   maphash.Seed
	shards [shards]struct {
		sync.Mutex
		byText map[string]*tag
	}
}

func newTags(most int) *tags {
	t := &tags{max: most, seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].byText = map[string]*tag{}
	}
	return t
}

func (t *tags) shard(text string) int { return int(maphash.String(t.seed, text) % shards) }

// acquire finds or makes the tag, for one more entry, and says whether it is new.
// It is nil when there are as many as there may be.
func (t *tags) acquire(text string) (found *tag, made bool) {
	s := &t.shards[t.shard(text)]
	s.Lock()
	defer s.Unlock()
	found = s.byText[text]
	if made = found == nil; made {
		if t.count.Add(1) > int64(t.max) && t.max > 0 {
			t.count.Add(-1)
			return nil, false
		}
		// A copy: the caller's text often pins a larger buffer.
		found = &tag{text: strings.Clone(text)}
		s.byText[found.text] = found
	}
	found.refs++
	return found, made
}

// release gives back what acquire returned.
func (t *tags) release(of *tag) {
	s := &t.shards[t.shard(of.text)]
	s.Lock()
	defer s.Unlock()
	if of.refs--; of.refs == 0 {
		delete(s.byText, of.text)
		t.count.Add(-1)
	}
}

// find marks the tag with this text, if an entry carries it.
func (t *tags) find(text string, how Mode, n uint64, at int64) bool {
	s := &t.shards[t.shard(text)]
	s.Lock()
	defer s.Unlock()
	found := s.byText[text]
	if found != nil {
		found.mark(how, n, at)
	}
	return found != nil
}

// findPrefix marks all tags whose text begins with prefix, and counts them. It
// holds up writers of a shard at a time, never readers.
func (t *tags) findPrefix(prefix string, how Mode, n uint64, at int64) (count int) {
	for i := range t.shards {
		count += t.inShard(i, prefix, how, n, at)
	}
	return count
}

func (t *tags) inShard(i int, prefix string, how Mode, n uint64, at int64) (count int) {
	s := &t.shards[i]
	s.Lock()
	defer s.Unlock()
	for text, found := range s.byText {
		if strings.HasPrefix(text, prefix) {
			found.mark(how, n, at)
			count++
		}
	}
	return count
}
