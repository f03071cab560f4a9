package proxy

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
	"github.com/levee-proxy/levee/config"
)

// elderWaits is for how many intervals an elder process leaves a snapshot that a
// younger one wrote. After that the younger one is taken to be gone, as behind a
// release that was taken back.
const elderWaits = 10

// snapshotOwner tells which file at a snapshot's path is this process's own: at a
// restart without a gap the elder process drains beside the younger one, and must
// not bring back what only that has had invalidated or purged. So each file says
// when the process began that wrote it, and the younger one's counts. Its fields are
// guarded by the file's place lock.
type snapshotOwner struct {
	at   fs.FileInfo // as it was read or written last; nil: there was none
	said bool        // that it is the younger one's
}

// has notes what file there is.
func (o *snapshotOwner) has(file string) {
	o.at, o.said = nil, false
	if info, err := os.Stat(file); err == nil {
		o.at = info
	}
}

// is says whether the file is the one that there was.
func (o *snapshotOwner) is(file string) bool {
	info, err := os.Stat(file)
	return err == nil && o.at != nil && os.SameFile(info, o.at) && info.Size() == o.at.Size() && info.ModTime().Equal(o.at.ModTime())
}

// errYounger: the file at the path is a younger process's.
var errYounger = errors.New("a younger process has written the snapshot")

// errSeen ends a reading when all is known that was to be.
var errSeen = errors.New("seen")

// signed are records behind one that says who wrote them.
func (f *cacheFile) signed(records iter.Seq[snapshot.Record]) iter.Seq[snapshot.Record] {
	return func(yield func(snapshot.Record) bool) {
		writer := record{kind: recordWriter, born: f.born}
		if meta, err := writer.append(nil); err == nil && !yield(snapshot.Record{Meta: meta}) {
			return
		}
		records(yield)
	}
}

// takesUp begins with a file, of whose hard purges nobody knows how many it knows.
func (f *cacheFile) takesUp(file string) {
	f.place.Lock()
	defer f.place.Unlock()
	f.owner.has(file)
	f.written = 0
}

// leaves says whether the file is left to a younger process, and tells it once.
func (f *cacheFile) leaves(cfg config.CacheSnapshot) bool {
	f.place.Lock()
	defer f.place.Unlock()
	if !f.isYoungers(cfg) {
		return false
	}
	if !f.owner.said {
		f.owner.said = true
		f.log.Info("the cache's snapshot is left to a younger process, which has written it", "file", cfg.File)
	}
	return true
}

// knowsAll says whether the file is the one that this process has read or written,
// and has nothing that was purged hard since.
func (f *cacheFile) knowsAll(file string) bool {
	f.place.Lock()
	defer f.place.Unlock()
	return f.hard.Load() == f.written && f.owner.is(file)
}

// isYoungers says whether a younger process has written the file, not long ago. The
// place lock must be held.
func (f *cacheFile) isYoungers(cfg config.CacheSnapshot) (yes bool) {
	if f.owner.is(cfg.File) || regular(cfg.File) != nil {
		return false
	}
	_, _ = snapshot.Read(context.Background(), cfg.File, recordSchema, time.Now(), 0, func(in snapshot.Record) error {
		rec, err := readRecord(in.Meta)
		yes = err == nil && rec.kind == recordWriter && rec.born.After(f.born) && in.Age <= elderWaits*time.Duration(cfg.Interval)
		return errSeen
	})
	return yes
}
