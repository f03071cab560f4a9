package storm

import (
	"math"
	"sync/atomic"
	"time"
)

// What is remembered are the fingerprints of attempts that did not succeed, so
// that a service that is well has nothing to remember, and no memory for it:
// whoever comes with one of them retries.

const (
	rememberExact = int64(60 * time.Second) // a retry with the same id
	rememberAlike = int64(10 * time.Second) // one that only looks the same: others do, too, in time
	afterDue      = int64(5 * time.Second)  // either, after a promised return

	mostAttempt = math.MaxUint8
	mostAlike   = 4 // failures in a row of what looks the same may be several callers'
	mostOwed    = math.MaxUint16
)

// memory holds failures, in shards that are locked each by itself. Where they
// are is in failures.go.
type memory struct {
	until atomic.Int64 // nothing is remembered after
	shard [memoryShards]shard
}

// failure is what is remembered of a fingerprint.
type failure struct {
	print   uint64
	at      int64 // the latest
	first   int64 // since when nothing that looks the same has succeeded
	due     int64 // when it was told to return; 0: it wasn't
	pace    pace
	owed    uint16 // failures that no retry has followed yet
	left    uint16 // the same, of those whose client left: whether it comes back is its own affair
	attempt uint8  // of the latest
	exact   bool
}

// over says that nobody will come back for it any more.
func (f *failure) over(now int64) bool {
	span := rememberAlike
	if f.exact {
		span = rememberExact
	}
	return now-f.at > span && now-f.due > afterDue
}

// belief is how sure it is that a request is a retry.
type belief uint8

const (
	certain belief = iota // by its own word, or its id
	alike                 // it looks the same as one that failed shortly before
	guessed               // so do more than usual, of which any may be one
	doubted               // it looks the same as one whose client left: others may share its address
)

// recalled is what the memory makes of an arrival.
type recalled struct {
	attempt int   // 1: no retry
	due     int64 // when it was told to return; 0: it wasn't
	belief  belief
	known   bool  // its fingerprint is remembered
	learn   learn // what its rhythm may learn from it
	usual   bool  // a lone caller would have come now anyway
}

// arrive says what an arrival is, by what is remembered. There are as many
// retries as failures at most, and none that the rhythm explains.
func (m *memory) arrive(now int64, print uint64) recalled {
	sh, f, _ := m.find(now, print)
	if f == nil {
		return recalled{attempt: 1, learn: learnAll}
	}
	defer sh.Unlock()
	r := recalled{attempt: 1, due: f.due, known: true, learn: f.pace.learn(now - f.first)}
	if f.pace.explains(now, f.at) {
		r.usual = !f.pace.dense()
		return r
	}
	if f.owed+f.left == 0 {
		return r
	}
	left := f.follow()
	switch {
	case f.pace.dense():
		r.attempt, r.due, r.belief = 2, 0, guessed // one of many callers' retries: nobody knows whose
	case f.exact:
		r.attempt = min(int(f.attempt)+1, mostAttempt)
	default:
		r.attempt, r.belief = min(int(f.attempt)+1, mostAlike), alike
	}
	if left {
		r.belief = doubted
	}
	if f.pace.dense() {
		return r
	}
	if f.pace.every > 0 {
		r.learn = learnNothing
	}
	return r
}

// follow takes note that a retry has come, and says whether it can only be one
// of those whose client left.
func (f *failure) follow() (left bool) {
	switch {
	case f.owed > 0:
		f.owed--
	case f.left > 0:
		f.left--
		return true
	}
	return false
}

// fail remembers that r, one of whose fingerprints is print, did not succeed,
// or was left by its client, and what its rhythm is without retries.
func (m *memory) fail(now int64, r *Request, print uint64, left, exact bool, usual rhythm) {
	sh := m.of(print)
	sh.Lock()
	defer sh.Unlock()
	f, known := sh.room(now, print)
	if !known {
		*f = failure{print: print, first: now, exact: exact}
	}
	f.pace.set(now, r.since, usual)
	f.at, f.attempt, f.due = now, uint8(min(r.Attempt, mostAttempt)), r.due
	if left {
		f.left = min(f.left, mostOwed/2-1) + 1
	} else {
		f.owed = min(f.owed, mostOwed/2-1) + 1
	}
	last := max(now+rememberExact, f.due+afterDue)
	for {
		until := m.until.Load()
		if last <= until || m.until.CompareAndSwap(until, last) {
			return
		}
	}
}

// succeed forgets a fingerprint: whoever asked has got what it wanted. Where
// many callers share it, that says nothing of the others.
func (m *memory) succeed(now int64, print uint64) {
	sh, f, tag := m.find(now, print)
	if f == nil {
		return
	}
	if !f.pace.dense() {
		tag.Store(0)
		*f = failure{}
	}
	sh.Unlock()
}
