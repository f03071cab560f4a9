package proxy

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
	"github.com/levee-proxy/levee/config"
)

const (
	// snapshotWarnEvery is how often it is told that snapshots can't be written.
	snapshotWarnEvery = 10 * time.Minute

	// snapshotLastWrite is how long a stop waits at least for the last snapshot.
	// One that takes longer is given up, and the one before it stays.
	snapshotLastWrite = 2 * time.Second

	// snapshotPurged is how soon after an operator's purge one is written, so that
	// a crash doesn't bring back what was purged.
	snapshotPurged = time.Second

	// snapshotDiscard is how long a stop waits for a file to be removed.
	snapshotDiscard = 500 * time.Millisecond

	// snapshotPauses is how many times as long as the last write took the next
	// one waits, at least: a large cache must not keep a disk busy.
	snapshotPauses = 9
)

// cacheFile keeps what is cached over a restart: it reads a snapshot in the
// background once Levee serves, and writes one at intervals and at the end.
//
// It fails nothing, and nothing waits for it. What it can't read it ignores, and
// what it can't write it goes without: the price is a cache that begins empty.
// What was stored since the start is newer than what is in the file, and stays.
type cacheFile struct {
	log    *slog.Logger
	parts  func() *cacheParts    // nil: no route caches
	caches func(url string) bool // whether a route does that has this URL
	ramp   ramp                  // of refreshes of what was read

	mu      sync.Mutex
	cfg     config.CacheSnapshot // in force
	status  CacheSnapshotStatus
	warned  time.Time
	ended   chan struct{}   // closed by the end of run; nil: it has not begun
	last    context.Context // of the last write; set before stop is called
	closing bool

	hard    atomic.Uint64 // hard purges so far
	place   sync.Mutex    // held while a file is put at the path, or removed from it
	written uint64        // hard purges that the file knows of
	owner   snapshotOwner

	born time.Time // when this process began; what killed ones left is older

	changed chan struct{}   // holds a wish to look at the settings
	purges  chan struct{}   // holds a wish to write soon
	running context.Context // ended: cut off what is read or written, write once more, and end
	stop    context.CancelFunc

	// run's own.
	read  string      // the file that was read, or tried
	saved cacheExtent // what the file has
}

// cacheExtent tells whether anything was stored or purged between two looks.
type cacheExtent struct {
	of             *cacheParts
	writes, purges uint64
}

func extentOf(parts *cacheParts) cacheExtent {
	s := parts.store.Stats()
	return cacheExtent{parts, s.Writes, s.Purges}
}

func newCacheFile(log *slog.Logger, parts func() *cacheParts) *cacheFile {
	f := &cacheFile{
		log: log, parts: parts, caches: func(string) bool { return true },
		changed: make(chan struct{}, 1), purges: make(chan struct{}, 1), born: time.Now(),
	}
	f.running, f.stop = context.WithCancel(context.Background())
	return f
}

// start begins to read, and then to write.
func (f *cacheFile) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended != nil || f.closing {
		return
	}
	f.ended = make(chan struct{})
	go f.run(f.ended)
}

// configure takes new settings. A file of another name is read, if it is there,
// and written from then on.
func (f *cacheFile) configure(cfg config.CacheSnapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cfg.File != f.cfg.File {
		f.status, f.warned = CacheSnapshotStatus{File: cfg.File, Writes: f.status.Writes, Errors: f.status.Errors}, time.Time{}
	}
	f.cfg = cfg
	f.look()
}

// look has the settings looked at.
func (f *cacheFile) look() {
	select {
	case f.changed <- struct{}{}:
	default: // asked for already
	}
}

// purged has a snapshot written soon. What was purged hard must not come back from
// the one that is there, see discard.
func (f *cacheFile) purged(hard bool) {
	if hard {
		f.hard.Add(1)
	}
	select {
	case f.purges <- struct{}{}:
	default: // asked for already
	}
}

// close writes once more, and returns when that is done or ctx ends, which gives
// it up. Nothing is written where nothing has begun.
func (f *cacheFile) close(ctx context.Context) {
	f.mu.Lock()
	ended := f.ended
	if !f.closing {
		f.closing, f.last = true, ctx
		f.stop()
	}
	f.mu.Unlock()
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
		// A disk that hangs holds up no stop; one that is only slow has been told.
		f.log.Warn("the cache's snapshot was not written in time: the one before it stays")
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			f.discard(f.settings())
		}()
		pause(snapshotDiscard, gone)
	}
}

// finish is close with the time until a drain's end, which may be over, or with
// what a stop always has for it.
func (f *cacheFile) finish(drain context.Context) {
	until := time.Now().Add(snapshotLastWrite)
	if end, has := drain.Deadline(); has && end.After(until) {
		until = end
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	f.close(ctx)
}

func (f *cacheFile) settings() config.CacheSnapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg
}

func (f *cacheFile) run(ended chan struct{}) {
	defer close(ended)
	last, took, soon := time.Now(), time.Duration(0), false
	for {
		cfg := f.settings()
		f.load(f.running, cfg)
		pause := max(time.Duration(cfg.Interval), snapshotPauses*took)
		if soon {
			pause = max(snapshotPurged, snapshotPauses*took)
		}
		timer := time.NewTimer(time.Until(last.Add(pause)))
		select {
		case <-timer.C:
			took = f.save(f.running, cfg)
			last, soon = time.Now(), false
		case <-f.changed:
		case <-f.purges:
			soon = true
		case <-f.running.Done():
			timer.Stop()
			cfg := f.settings()
			f.save(f.last, cfg)
			f.discard(cfg)
			return
		}
		timer.Stop()
	}
}

// load reads the file, unless it has been.
func (f *cacheFile) load(ctx context.Context, cfg config.CacheSnapshot) {
	parts := f.parts()
	if cfg.File == "" || parts == nil || f.read == cfg.File {
		return
	}
	began := time.Now()
	f.tell(cfg, func(s *CacheSnapshotStatus) { s.Reading = true })
	f.ramp.begin(began)
	extent := extentOf(parts)
	f.takesUp(cfg.File)
	if n := snapshot.Clean(cfg.File, f.born); n > 0 {
		f.log.Info("removed what killed processes left beside the cache's snapshot", "file", cfg.File, "files", n)
	}
	err := regular(cfg.File)
	r := &restoring{f: f, parts: parts, now: began, cfg: cfg}
	if err == nil {
		_, err = snapshot.Read(ctx, cfg.File, recordSchema, began, parts.object, r.restore)
	}
	took := time.Since(began)
	over := func(ignored string) {
		f.tell(cfg, func(s *CacheSnapshotStatus) {
			s.Reading, s.ReadSeconds, s.Ignored = false, took.Seconds(), ignored
			s.Restored, s.LeftOut = r.restored, r.left
		})
	}
	if ctx.Err() != nil { // what was read in part must not replace the whole
		over("")
		return
	}
	f.read = cfg.File
	f.ramp.begin(time.Now())
	if r.restored == 0 {
		f.ramp.end()
	}
	over(f.report(cfg, r, err, took))
	if err == nil && r.left == 0 {
		f.saved = extent
	}
	if f.hard.Load() > 0 { // what it has may have been purged before a reload named it
		f.purged(false)
	}
}

// report tells in words what came of reading. It returns why something of the
// file was ignored, if it was.
func (f *cacheFile) report(cfg config.CacheSnapshot, r *restoring, err error, took time.Duration) (ignored string) {
	log := f.log.With("file", cfg.File)
	said := []any{"answers", r.restored, "left_out", r.left, "took", took.Round(time.Millisecond).String()}
	switch {
	case err == nil:
		log.Info("cached answers restored", said...)
	case errors.Is(err, errCacheFull):
		log.Info("cached answers restored as far as there is room: the snapshot holds more", said...)
	case errors.Is(err, fs.ErrNotExist):
		log.Info("no snapshot of the cache yet: it begins empty")
	case errors.Is(err, snapshot.ErrDamaged):
		ignored = err.Error()
		log.Warn("the cache's snapshot is damaged: what comes before the damage is used, the rest is ignored", append(said, "why", err)...)
	default:
		ignored = err.Error()
		log.Warn("the cache's snapshot is ignored: the cache begins empty", "why", err)
		if errors.Is(err, snapshot.ErrForeign) {
			f.putAside(cfg.File)
		}
	}
	return ignored
}

// putAside keeps a file that is none of ours, or of another version: the path
// may be a mistake, and the next snapshot takes its place.
func (f *cacheFile) putAside(file string) {
	aside := file + ".foreign"
	if err := os.Rename(file, aside); err == nil {
		f.log.Info("the file was put aside", "file", file, "as", aside)
	}
}

var errNotRegular = errors.New("it is no regular file")

// regular refuses what isn't a file: reading a pipe would never end, and writing
// would put a file in a device's place.
func regular(file string) error {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return errNotRegular
	}
	return err
}

// save writes the file, if anything has changed, and says how long it took.
func (f *cacheFile) save(ctx context.Context, cfg config.CacheSnapshot) (took time.Duration) {
	parts := f.parts()
	if cfg.File == "" || parts == nil || f.read != cfg.File {
		return 0
	}
	extent := extentOf(parts)
	if f.leaves(cfg) || extent == f.saved && f.knowsAll(cfg.File) {
		return 0
	}
	began := time.Now()
	w, err := f.write(ctx, cfg, parts, began)
	for tries := 1; tries < writesAtOnce && errors.Is(err, errOvertaken); tries++ {
		extent = extentOf(parts)
		w, err = f.write(ctx, cfg, parts, time.Now())
	}
	if err != nil && ctx.Err() != nil || errors.Is(err, errYounger) {
		return 0 // cut off by the end, as may be; or it is the other one's to write
	}
	took = time.Since(began)
	if err == nil {
		f.saved = extent
	}
	f.wrote(cfg, w, err, began, took)
	if err != nil {
		f.discard(cfg)
	}
	return took
}

// writesAtOnce is how often a snapshot is written that purges overtake.
const writesAtOnce = 3

// write writes the file as of now.
func (f *cacheFile) write(ctx context.Context, cfg config.CacheSnapshot, parts *cacheParts, now time.Time) (snapshot.Written, error) {
	hard := f.hard.Load()
	if err := regular(cfg.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return snapshot.Written{}, err
	}
	w, err := snapshot.Replace(ctx, cfg.File, recordSchema, now, f.signed(records(parts.store, now)), func(rename func() error) error {
		return f.put(cfg, hard, rename)
	})
	w.Records = max(w.Records-1, 0) // but for the writer's own
	return w, err
}

// errOvertaken: what was written has what was purged hard meanwhile.
var errOvertaken = errors.New("something was purged while the snapshot was written")

// put puts a file at the path, unless there was a hard purge since it was begun,
// when there had been so many: the purge may have removed the file that was there,
// and this one must not bring back what it had. Nor does it take a younger one's place.
func (f *cacheFile) put(cfg config.CacheSnapshot, hard uint64, rename func() error) error {
	f.place.Lock()
	defer f.place.Unlock()
	if f.hard.Load() != hard {
		return errOvertaken
	}
	if f.isYoungers(cfg) {
		return errYounger
	}
	err := rename()
	if err == nil {
		f.written = hard
		f.owner.has(cfg.File)
	}
	return err
}

// discard removes a file that has what was purged hard since it was written, and
// that can't be written anew: an operator's word that something is gone counts
// for more than what else is in there.
func (f *cacheFile) discard(cfg config.CacheSnapshot) {
	f.place.Lock()
	defer f.place.Unlock()
	hard := f.hard.Load()
	if cfg.File == "" || hard == f.written || regular(cfg.File) != nil || f.isYoungers(cfg) {
		return
	}
	if err := os.Remove(cfg.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Error("the cache's snapshot has what was purged, and can be neither written nor removed: remove it before the next start", "file", cfg.File, "error", err)
		return
	}
	f.written = hard
	f.log.Warn("the cache's snapshot was removed: it had what was purged, and could not be written anew", "file", cfg.File)
}
