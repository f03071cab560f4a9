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
	bytes   int64
	doubts  int
	last    Ticket
}

func newTable() table {
	return table{entries: map[Key]*entry{}, settled: list.New()}
}

// full says whether there is no room for a further key. An eighth of the bytes
// is kept for the answers of those that are under way already.
func (t *table) full() bool { return len(t.entries) >= t.most || t.bytes >= t.mostBytes-t.mostBytes/8 }

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
}

// fit is an answer as far as there is room for it.
func (t *table) fit(a *Answer) *Answer {
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
	if s == Doubtful {
		t.doubts++
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
