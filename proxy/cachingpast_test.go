package proxy

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// products is a service that can be changed.
func products(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			gives(body, "Cache-Control: max-age=3600")(w, r)
		}
	}
}

// oldSnapshot writes a snapshot that has /item and /other as they were.
func oldSnapshot(t *testing.T, file string) {
	k := newKept(t, file, "", products("old"))
	k.get("/item")
	k.get("/other")
	synctest.Wait()
	k.ends()
}

// TestRestoreBringsBackNothingPurged: what this process has had invalidated or
// purged isn't brought back by a snapshot that is read later: at the start, when
// requests come before that is read, or when a reload names one that is there, also
// one that makes the cache begin anew. The rest of it is.
func TestRestoreBringsBackNothingPurged(t *testing.T) {
	purge := func(what Purge) func(*kept) {
		return func(k *kept) {
			if _, err := k.proxy.PurgeCache(what); err != nil {
				k.t.Error(err)
			}
		}
	}
	changes := map[string]func(*kept){
		"a request":    func(k *kept) { k.send("POST", "/item") },
		"a URL":        purge(Purge{URL: "http://example.com/item"}),
		"a URL softly": purge(Purge{URL: "http://example.com/item", Soft: true}),
		"a prefix":     purge(Purge{Prefix: "http://example.com/it"}),
	}
	begins := map[string]func(t *testing.T, file string, change func(*kept)) *kept{
		"at the start": func(t *testing.T, file string, change func(*kept)) *kept {
			k := &kept{newOrigin(t, caches("", "", "")+"\ncache: {snapshot: {file: \""+file+"\"}}\n", products("new")), &syncBuffer{}}
			f := k.proxy.o.caching.file
			f.log, f.caches = slog.New(slog.NewTextHandler(k.log, nil)), k.proxy.cachesURL
			change(k)
			f.start()
			t.Cleanup(k.ends)
			return k
		},
		"by a reload": func(t *testing.T, file string, change func(*kept)) *kept {
			k := newKept(t, file+".other", "", products("new"))
			change(k)
			cfg := k.proxy.o.caching.file.settings()
			cfg.File = file
			k.proxy.o.caching.file.configure(cfg)
			return k
		},
		"by a reload that begins anew": func(t *testing.T, file string, change func(*kept)) *kept {
			k := newKept(t, file+".other", "", products("new"))
			change(k)
			cfg := *k.proxy.gen.Load().cfg
			cfg.Cache.Snapshot.File = file
			cfg.Cache.ObjectBytes /= 2
			if err := k.proxy.o.caching.configure(&cfg); err != nil {
				t.Error(err)
			}
			return k
		},
	}
	for when, begin := range begins {
		for what, change := range changes {
			t.Run(when+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					file := filepath.Join(t.TempDir(), "cache")
					oldSnapshot(t, file)
					k := begin(t, file, change)
					synctest.Wait()
					if r := k.get("/item"); r.body != "new" {
						t.Errorf("%q, %s", r.body, r.status())
					}
					if r := k.get("/other"); r.body != "old" {
						t.Errorf("%q, %s", r.body, r.status())
					}
					k.killed()
				})
			})
		}
	}
}

// TestNamedSnapshotIsWrittenSoon: a snapshot that a reload names has what this
// process had purged before, and so is written as soon as if it were purged now.
func TestNamedSnapshotIsWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		oldSnapshot(t, file)
		k := newKept(t, file+".other", "", products("new"))
		if _, err := k.proxy.PurgeCache(Purge{URL: "http://example.com/item"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // it is in the other file
		cfg := k.proxy.o.caching.file.settings()
		cfg.File = file
		k.proxy.o.caching.file.configure(cfg)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		k.killed()
		k = newKept(t, file, "", products("new"))
		if r := k.get("/item"); r.body != "new" {
			t.Errorf("%q, %s", r.body, r.status())
		}
		if r := k.get("/other"); r.body != "old" {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}

// TestSoundSnapshotStays: a purge before the reading of a snapshot that has nothing
// of what was purged doesn't cost it its life at the stop.
func TestSoundSnapshotStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		oldSnapshot(t, file)
		o := newOrigin(t, caches("", "", "")+"\ncache: {snapshot: {file: \""+file+"\"}}\n", products("new"))
		k := &kept{o, &syncBuffer{}}
		f := k.proxy.o.caching.file
		f.log, f.caches = slog.New(slog.NewTextHandler(k.log, nil)), k.proxy.cachesURL
		if _, err := k.proxy.PurgeCache(Purge{URL: "http://example.com/nothing"}); err != nil {
			t.Fatal(err)
		}
		f.start()
		synctest.Wait()
		k.ends()
		k = newKept(t, file, "", products("new"))
		if r := k.get("/item"); r.body != "old" {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}
