package idempotency

import (
	"bytes"
	"container/list"
	"time"
)

// entrySize is about what an entry takes beside its answer: itself, its place
// in the map and in the list, and its record in the journal.
const entrySize = 512

// entry is one key.
type entry struct {
	key    Key
	print  Fingerprint
	ticket Ticket
	state  State     // Running, Answered or Doubtful
	since  time.Time // when that began
	answer *Answer   // set once there is one, which is before it may be given to twins
	done   chan struct{}
	place  *list.Element // among the settled ones; nil while Running
	full   *list.Element // among those whose answers may make room; nil: it isn't one
	doubts bool          // what runs was in doubt before, and is again if it isn't sent
}

func (e *entry) size() int64 {
	if e.answer == nil {
		return entrySize
	}
	return entrySize + e.answer.size()
}

// table holds the entries, bounded. What has settled is kept in the order in
// which it did, so that those whose retention is over are found at the front.
// It has no lock.
type table struct {
	retention time.Duration
	most      int   // entries
	mostBytes int64 // of all entries

	entries map[Key]*entry
	settled *list.List
	whole   *list.List // settled entries with more of an answer than its status, the oldest first
	bytes   int64
	doubts  int
	dropped uint64 // answers that had to make room
	last    Ticket
}

func newTable() table {
	return table{entries: map[Key]*entry{}, settled: list.New(), whole: list.New()}
}

// full says whether there is no room for a further key. An eighth of the bytes
// is kept for the answers of those that are under way already.
// Answers make room, the oldest first: a twin of theirs hears that there was an
// answer, and what. Keys don't.
func (t *table) full() bool {
	if len(t.entries) >= t.mostKeys() {
		return true
	}
	t.drop(t.roomForKeys() - 1)
	return t.bytes >= t.roomForKeys()
}

// mostKeys is how many keys may be remembered, if there is no answer left to drop.
func (t *table) mostKeys() int {
	return int(min(int64(t.most), (t.roomForKeys()+entrySize-1)/entrySize))
}

// roomForKeys is what may be taken before a new key comes.
func (t *table) roomForKeys() int64 { return t.mostBytes - t.mostBytes/8 }

// drop lets the oldest answers go until no more than so many bytes are taken.
func (t *table) drop(most int64) {
	for front := t.whole.Front(); front != nil && t.bytes > most; front = t.whole.Front() {
		e := front.Value.(*entry)
		t.whole.Remove(front)
		e.full = nil
		t.keep(e, e.answer.withoutBody())
		t.dropped++
	}
}

// claim enters a new key as running.
func (t *table) claim(r *Request) *entry {
	t.last++
	e := &entry{key: r.Key, print: r.Fingerprint, ticket: t.last, state: Running, since: r.Now, done: make(chan struct{})}
	t.entries[r.Key] = e
	t.bytes += e.size()
	return e
}

// take makes a doubtful entry a running one again.
func (t *table) take(e *entry, r *Request) {
	t.unsettle(e)
	t.last++
	e.print, e.ticket, e.state, e.since, e.done = r.Fingerprint, t.last, Running, r.Now, make(chan struct{})
	e.doubts = true
}

// fit is an answer as far as there is room for it. One that would take more
// than is kept for those under way drives no older ones out.
func (t *table) fit(a *Answer) *Answer {
	if size := a.size(); size <= t.mostBytes/8 {
		t.drop(t.mostBytes - size)
	}
	if t.bytes+a.size() > t.mostBytes {
		return a.withoutBody()
	}
	if n := len(a.Body); cap(a.Body)-n > n/8 { // its length is what counts
		clipped := *a
		clipped.Body = bytes.Clone(a.Body)
		return &clipped
	}
	return a
}

// keep gives an entry its answer, which twins don't get before it has settled.
func (t *table) keep(e *entry, a *Answer) {
	t.bytes -= e.size()
	e.answer = a
	t.bytes += e.size()
}

// settle ends an entry's running, as answered or doubtful.
func (t *table) settle(e *entry, s State, now time.Time) {
	e.state, e.since, e.place = s, now, t.settled.PushBack(e)
	switch {
	case s == Doubtful:
		t.doubts++
	case e.answer.size() > 0:
		e.full = t.whole.PushBack(e)
	}
	if e.done != nil {
		close(e.done)
		e.done = nil
	}
}

func (t *table) unsettle(e *entry) {
	if e.place == nil {
		return
	}
	t.settled.Remove(e.place)
	e.place = nil
	if e.full != nil {
		t.whole.Remove(e.full)
		e.full = nil
	}
	if e.state == Doubtful {
		t.doubts--
	}
}

// forget takes an entry out.
func (t *table) forget(e *entry) {
	t.unsettle(e)
	delete(t.entries, e.key)
	t.bytes -= e.size()
	if e.state == Running {
		close(e.done)
	}
}

// expire takes out what has settled longer ago than the retention.
func (t *table) expire(now time.Time) {
	for front := t.settled.Front(); front != nil; front = t.settled.Front() {
		e := front.Value.(*entry)
		if now.Sub(e.since) < t.retention {
			return
		}
		t.forget(e)
	}
}

// held returns the running entry of a claim; nil: it has ended.
func (t *table) held(k Key, ticket Ticket) *entry {
	if e := t.entries[k]; e != nil && e.ticket == ticket && e.state == Running {
		return e
	}
	return nil
}
