package proxy

import (
	"errors"
	"iter"
	"net/url"
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
	"github.com/levee-proxy/levee/cache/storage"
	"github.com/levee-proxy/levee/config"
)

// records are what a snapshot of the store has at a time. Marks that a key is
// uncacheable aren't among them: they end in seconds.
func records(store *storage.Store[stored], now time.Time) iter.Seq[snapshot.Record] {
	return func(yield func(snapshot.Record) bool) {
		var meta []byte
		for k, e := range store.All() {
			r := record{kind: recordAnswer, url: e.URL()}
			out := snapshot.Record{Key: k[:]}
			if v := e.Variants(); v != nil {
				r.kind, r.variants = recordIndex, v
			} else {
				r.policy, r.groups, r.header = e.Policy, e.Groups(), e.Header
				r.cost = e.Policy.cost
				if since, purged := store.Purged(e); purged {
					r.policy.Policy = e.Policy.StaleSince(since)
				}
				out.Age, out.Body = e.Policy.Age(now), e.Body.Chunks()
			}
			var err error
			if meta, err = r.append(meta[:0]); err != nil {
				continue
			}
			out.Meta = meta
			if !yield(out) {
				return
			}
		}
	}
}

// restoring takes what a snapshot has into the store.
type restoring struct {
	f     *cacheFile
	parts *cacheParts
	now   time.Time // to which ages are told
	cfg   config.CacheSnapshot

	restored, left int // answers
}

// fromStart leaves out what was purged since the process began, also before the
// reading did: requests come before it, and a reload may name an old snapshot.
const fromStart storage.Mark = 0

// errCacheFull ends the reading: what was asked for since the start must not
// make room for what may never be asked for again.
var errCacheFull = errors.New("the cache is full")

// restore takes one record. What no route caches any more is left out; so is
// what is larger than what is kept, and what this
// process has had invalidated or purged before or meanwhile.
func (r *restoring) restore(in snapshot.Record) error {
	rec, err := readRecord(in.Meta)
	if err == nil && rec.kind == recordWriter {
		return nil
	}
	if err != nil || len(in.Key) != len(storage.Key{}) || !r.f.caches(rec.url) {
		r.left++
		return nil
	}
	store, key := r.parts.store, storage.Key(in.Key)
	if s := store.Stats(); s.Bytes+int64(len(in.Meta))+size(in.Body) > s.Budget {
		return errCacheFull
	}
	if rec.kind == recordIndex {
		_ = store.RestoreIndex(key, fromStart, rec.url, rec.variants) // without it, its variants aren't found
		return nil
	}
	err = store.Restore(key, fromStart, storage.Labels{URL: rec.url, Groups: rec.groups}, entry{
		Policy: stored{rec.policy.Restored(in.Age, r.now), &marks{}, rec.cost}, Header: rec.header, Body: storage.NewBody(in.Body...),
	})
	if err != nil {
		r.left++
		return nil
	}
	r.restored++
	r.f.tell(r.cfg, func(s *CacheSnapshotStatus) { s.Restored, s.LeftOut = r.restored, r.left })
	return nil
}

func size(body [][]byte) (n int64) {
	for _, c := range body {
		n += int64(len(c))
	}
	return n
}

// cachesURL says whether a route caches what has this URL, as the configuration
// is now. How its key is made, and how long it is kept, is the route's to say
// when it is asked for.
func (p *Proxy) cachesURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	rt := p.gen.Load().router.find(u.Host, u)
	return rt != nil && rt.caching != nil
}
