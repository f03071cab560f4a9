package proxy

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
)

const (
	// journalSuffix is what the journal's name has beyond the snapshot's.
	journalSuffix = ".journal"

	// journalPatience is how long a request that has changed something waits until
	// that is written. A disk that takes longer holds nobody up.
	journalPatience = 20 * time.Millisecond

	// journalSync is how long the disk may take its time with what was written.
	journalSync = time.Second

	// journalMost is how many bytes of changes there may be between two snapshots.
	// Beyond it, all that the older one has counts as changed.
	journalMost = 4 << 20
)

// cacheJournal is the file, beside a snapshot, of what was invalidated and purged
// since the snapshot was begun: without it a process that is killed would give
// back at its next start what a client knows to have changed.
//
// It has a number for each change, and so has each snapshot for the last change
// before it. Nothing fails for it: where it can't be written, a change counts as a
// hard purge that only the next snapshot knows of.
type cacheJournal struct {
	log  *slog.Logger
	lost func() // a change could not be written
	soon func() // there are so many that there had better be a snapshot

	wake chan struct{}
	stop chan struct{}
	over chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	on      bool // changes are to be noted
	open    bool // what there was is known: it may be written
	last    uint64
	known   map[changeName]bool // since a snapshot was begun
	since   []change            // the same, in their order
	before  []change            // that only a snapshot before that may lack
	bytes   int
	full    bool // that is too many: all has changed
	next    *changeBatch
	writing *changeBatch // nil: none is being written
	begun   time.Time    // since when one is being written; zero: none is
	failure error

	disk  sync.Mutex // held while the file is used
	file  *snapshot.Journal
	path  string
	dirty bool
}

// changeName tells changes apart that say the same more than once.
type changeName struct {
	kind changeKind
	text string
}

// changeBatch is changes that are written together.
type changeBatch struct {
	records [][]byte
	done    chan struct{}
}

func newCacheJournal(log *slog.Logger, lost, soon func()) *cacheJournal {
	return &cacheJournal{
		log: log, lost: lost, soon: soon, known: map[changeName]bool{}, next: newChangeBatch(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), over: make(chan struct{}),
	}
}

func newChangeBatch() *changeBatch { return &changeBatch{done: make(chan struct{})} }

// configure says whether changes are to be noted.
func (j *cacheJournal) configure(on bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.on = on
}

// note notes changes that have been made, and returns when they are written, or
// that has taken too long. It returns false if they are not, nor will be.
func (j *cacheJournal) note(now time.Time, changes ...change) bool {
	b, busy, ok := j.add(now, changes)
	if !ok || b == nil || busy {
		return ok
	}
	timer := time.NewTimer(journalPatience)
	defer timer.Stop()
	select {
	case <-b.done:
	case <-timer.C:
	}
	return true
}

// add adds changes to the batch that is written next. busy: that may take a while.
func (j *cacheJournal) add(now time.Time, changes []change) (b *changeBatch, busy, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.on:
		return nil, false, true
	case j.failure != nil:
		return nil, false, false
	}
	for _, c := range changes {
		j.take(c, now)
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
	if b = j.next; len(b.records) == 0 {
		b = j.writing // all of it was noted before
	}
	return b, !j.open || !j.begun.IsZero() && now.Sub(j.begun) > journalPatience, true
}

// take takes one change. The lock must be held.
func (j *cacheJournal) take(c change, now time.Time) {
	name := changeName{c.kind, c.text}
	if c.soft.IsZero() && j.known[name] || j.full {
		return
	}
	if j.bytes += len(c.text) + 64; j.bytes > journalMost || len(c.text) >= snapshot.MaxJournalRecord/2 {
		c, j.full = change{kind: changeAll}, true
		j.soon()
	}
	// By the clock, so that those of two processes can be compared whose times overlap.
	j.last = max(j.last+1, uint64(max(now.UnixNano(), 0)))
	c.seq = j.last
	if c.soft.IsZero() {
		j.known[name] = true
	}
	j.since = append(j.since, c)
	j.next.records = append(j.next.records, c.append(nil))
}

// begins says that a snapshot is begun, and returns the number of the last change
// that it has.
func (j *cacheJournal) begins() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.before = append(j.before, j.since...)
	if size := sizeOf(j.before); size > journalMost {
		j.before = []change{{seq: j.last, kind: changeAll}}
	}
	j.since, j.known, j.bytes, j.full = nil, map[changeName]bool{}, 0, false
	return j.last
}

func sizeOf(changes []change) (n int) {
	for i := range changes {
		n += len(changes[i].text) + 64
	}
	return n
}

// ended says that the snapshot is in its place: what was before it needn't be known
// any more.
func (j *cacheJournal) ended() {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.mu.Lock()
	j.before = nil
	b := j.cut()
	records := recordsOf(j.since)
	failure := j.failure
	j.mu.Unlock()
	err := failure
	switch {
	case j.file == nil: // it could not be opened
		err = j.make(records)
	case failure != nil || j.file.Size() > 4<<10 || len(records) == 0:
		err = j.file.Replace(records...)
	case len(b.records) > 0:
		err = j.file.Append(b.records...)
	}
	close(b.done)
	j.heard(err, len(b.records) > 0)
}

// make makes a new journal where the one that there is can't be read, which is put
// aside.
func (j *cacheJournal) make(records [][]byte) error {
	if j.path == "" {
		return nil
	}
	file, _, err := snapshot.OpenJournal(j.path)
	if errors.Is(err, snapshot.ErrForeign) || errors.Is(err, snapshot.ErrDamaged) {
		if err = os.Rename(j.path, j.path+".foreign"); err == nil {
			file, _, err = snapshot.OpenJournal(j.path)
		}
	}
	if err != nil {
		return err
	}
	j.file = file
	return file.Replace(records...)
}

func recordsOf(changes []change) (records [][]byte) {
	for i := range changes {
		records = append(records, changes[i].append(nil))
	}
	return records
}

// cut takes the batch that has filled. The lock must be held.
func (j *cacheJournal) cut() *changeBatch {
	b := j.next
	j.next = newChangeBatch()
	return b
}

// heard notes what came of writing, or opening, and whether changes are lost if it
// failed.
func (j *cacheJournal) heard(err error, lost bool) {
	j.mu.Lock()
	before := j.failure
	j.failure = err
	j.mu.Unlock()
	if err != nil && lost {
		j.lost()
	}
	switch {
	case err != nil && before == nil:
		j.log.Warn("there is no journal beside the cache's snapshot: with each change the snapshot is written anew, or removed", "file", j.path, "error", err)
	case err == nil && before != nil:
		j.log.Info("there is a journal beside the cache's snapshot again", "file", j.path)
	}
}

// read opens the journal of a snapshot, in place of the one before, and returns
// what it says. Then it is written.
func (j *cacheJournal) read(path string) (all []change, err error) {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.leave()
	j.path = path
	file, records, err := snapshot.OpenJournal(path)
	for _, text := range records {
		c, ok := readChange(text)
		if !ok {
			err = errors.Join(err, snapshot.ErrForeign)
		}
		all = append(all, c)
	}
	if err != nil && file != nil {
		file.Close()
		file = nil
	}
	j.file = file
	j.mu.Lock()
	last := uint64(0)
	for i := range all {
		last = max(last, all[i].seq)
	}
	j.before = append(j.before, all...)
	j.open = true
	j.renumber(last)
	j.mu.Unlock()
	j.heard(err, false) // what was noted meanwhile is written next
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return all, err
}

// pauses ends the use of the journal while nothing is cached, or no snapshot is to be
// written: nobody notes what changes meanwhile.
func (j *cacheJournal) pauses() {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.leave()
}

// resumes takes up the journal of a snapshot that was read before.
func (j *cacheJournal) resumes(path string) {
	j.disk.Lock()
	at := j.path
	j.disk.Unlock()
	if at != path {
		_, _ = j.read(path) // told in words
	}
}

// leave ends the use of a journal while the process goes on: what its snapshot has
// must not be used any more, as nobody notes what becomes of it. The disk's lock
// must be held.
func (j *cacheJournal) leave() {
	if j.file == nil {
		j.path = ""
		return
	}
	j.mu.Lock()
	j.last++
	all := change{seq: j.last, kind: changeAll}
	j.mu.Unlock()
	if err := j.file.Append(all.append(nil)); err != nil {
		j.log.Warn("the journal of a snapshot that isn't written any more can't be ended: remove that snapshot", "file", j.path, "error", err)
	}
	_ = j.file.Close()
	j.file, j.path = nil, ""
}

// follows says that a snapshot has been read whose last change had a number.
func (j *cacheJournal) follows(seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.renumber(seq)
}

// renumber sees to it that all that was noted since the start is behind a number,
// although the clock may have been set back since that was given. The lock must be
// held.
func (j *cacheJournal) renumber(behind uint64) {
	j.last = max(j.last, behind)
	for i := range j.since {
		if c := &j.since[i]; c.seq <= behind {
			j.last++
			c.seq = j.last
			j.next.records = append(j.next.records, c.append(nil))
		}
	}
}

// run writes until it is stopped.
func (j *cacheJournal) run() {
	defer close(j.over)
	timer := time.NewTimer(journalSync)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-j.wake:
			if j.write() {
				timer.Reset(journalSync)
			}
		case <-timer.C:
			j.sync()
		case <-j.stop:
			j.write()
			j.sync()
			return
		}
	}
}

// write writes a batch, and says whether that is to be forced to the disk some time.
func (j *cacheJournal) write() (dirtied bool) {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.mu.Lock()
	if !j.open || len(j.next.records) == 0 {
		j.mu.Unlock()
		return false
	}
	b, failure := j.cut(), j.failure
	j.writing, j.begun = b, time.Now()
	j.mu.Unlock()
	err := failure
	if err == nil && j.file != nil {
		if err = j.file.Append(b.records...); err == nil {
			dirtied, j.dirty = !j.dirty, true
		}
	}
	j.mu.Lock()
	j.writing, j.begun = nil, time.Time{}
	j.mu.Unlock()
	close(b.done)
	j.heard(err, true)
	return dirtied
}

// sync forces to the disk what was written.
func (j *cacheJournal) sync() {
	j.disk.Lock()
	defer j.disk.Unlock()
	if j.file == nil || !j.dirty {
		return
	}
	j.dirty = false
	if err := j.file.Sync(); err != nil {
		j.heard(err, true)
	}
}

// close writes what there is, and ends the writing.
func (j *cacheJournal) close() {
	close(j.stop)
	<-j.over
	j.disk.Lock()
	defer j.disk.Unlock()
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}

// state is its size, and why it can't be written.
func (j *cacheJournal) state() (size int64, failure string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != nil {
		failure = j.failure.Error()
	}
	return int64(sizeOf(j.since) + sizeOf(j.before)), failure
}
