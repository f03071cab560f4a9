package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/cache/snapshot"
	"github.com/levee-proxy/levee/config"
)

// kept is a proxy whose cache outlives it in a file.
type kept struct {
	*origin
	log *syncBuffer
}

// newKept starts a proxy with a snapshot, and waits until that was read. It must
// be called inside a synctest bubble.
func newKept(t *testing.T, file, cache string, answer http.HandlerFunc) *kept {
	return newKeptWith(t, caches(cache, "", ""), file, answer)
}

func newKeptWith(t *testing.T, yaml, file string, answer http.HandlerFunc) *kept {
	k := &kept{newOrigin(t, yaml+"\ncache: {snapshot: {file: \""+file+"\"}}\n", answer), &syncBuffer{}}
	f := k.proxy.o.caching.file
	f.log = slog.New(slog.NewTextHandler(k.log, nil))
	f.caches = k.proxy.cachesURL
	f.start()
	t.Cleanup(k.ends)
	synctest.Wait()
	return k
}

// ends stops the proxy's snapshots, with a last one.
func (k *kept) ends() {
	k.proxy.o.caching.file.finish(context.Background())
	synctest.Wait()
}

// killed stops them without, as kill -9 does.
func (k *kept) killed() {
	synctest.Wait()
	f := k.proxy.o.caching.file
	f.mu.Lock()
	f.cfg.File = ""
	f.mu.Unlock()
	k.ends()
}

func (k *kept) snapshot() *CacheSnapshotStatus {
	k.get("/counted") // so that there is a status
	return k.proxy.o.caching.status().Snapshot
}

// TestRestart: what was cached is answered after a restart as if there had been
// none, with its age going on and with its variants.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		answer := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Accept-Language")
			gives("in "+r.Header.Get("Accept-Language"), "Cache-Control: max-age=60", "X-Own: a", "X-Own: b")(w, r)
		}
		k := newKept(t, file, "", answer)
		if s := k.snapshot(); s.Restored != 0 || s.Ignored != "" || !strings.Contains(k.log.String(), "no snapshot of the cache yet") {
			t.Errorf("at first: %+v\n%s", s, k.log)
		}
		k.get("/a", "Accept-Language: de")
		k.get("/a", "Accept-Language: fr")
		synctest.Wait()
		time.Sleep(10 * time.Second)
		k.ends()
		time.Sleep(20 * time.Second)

		k = newKept(t, file, "", breaks)
		for _, language := range []string{"de", "fr"} {
			r := k.get("/a", "Accept-Language: "+language)
			k.wants(r, 200, "in "+language, r.status(), 0)
			if age, own := r.Header.Get("Age"), r.Header.Values("X-Own"); age != "30" || strings.Join(own, " ") != "a b" || !strings.HasPrefix(r.status(), "levee; hit") {
				t.Errorf("age %s, fields %q, %s", age, own, r.status())
			}
		}
		if s := k.snapshot(); s.Restored != 3 || s.LeftOut != 0 || s.Ignored != "" || s.Reading {
			t.Errorf("restored: %+v", s)
		}
	})
}

// TestRestartObeysTheConfiguration: what is in the file is found by the keys, and
// used by the rules, of the configuration that is in force.
func TestRestartObeysTheConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, path string
		wait                time.Duration
		status              int
	}{
		"as it was":                             {"", "", "/a", 0, 200},
		"other header fields in the key":        {", key: {headers: [Accept-Language]}", "", "/a", 0, 502},
		"other parameters left out of it":       {", key: {ignoreQuery: [utm]}", "", "/a", 0, 502},
		"as it was, with parameters left out":   {", key: {ignoreQuery: [utm]}", ", key: {ignoreQuery: [utm]}", "/a", 0, 200},
		"stale answers are no longer allowed":   {", staleIfError: 1h", "", "/a", time.Minute, 502},
		"stale answers are allowed now":         {"", ", staleIfError: 1h", "/a", time.Minute, 200},
		"but not those that are too old":        {"", ", staleIfError: 1m", "/a", time.Hour, 502},
		"last known good":                       {"", ", lastKnownGood: 1h", "/a", time.Hour - time.Second, 200},
		"last known good, but older than it is": {"", ", lastKnownGood: 1h", "/a", time.Hour + time.Second, 502},
		"the route caches no more":              {"", ", mode: off", "/a", 0, 502},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				k := newKept(t, file, c.before, gives("x", "Cache-Control: max-age=30"))
				k.get("/a?utm=1")
				k.get("/a")
				synctest.Wait()
				k.ends()
				time.Sleep(c.wait)
				after := strings.Replace(c.after, ", mode: off", "", 1)
				k = newKept(t, file, after, breaks)
				if after != c.after { // a cache for nobody isn't read at all; here another route has it
					k.proxy.gen.Load().router.routes[0].caching = nil
				}
				if r := k.get(c.path); r.StatusCode != c.status {
					t.Errorf("%d %s, want %d", r.StatusCode, r.status(), c.status)
				}
			})
		})
	}
}

// TestRestoredWhatIsNotCachedAnyMore: it is left out.
func TestRestoredWhatIsNotCachedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, filepath.Join(t.TempDir(), "cache"), "", gives("x", "Cache-Control: max-age=30"))
		for url, want := range map[string]bool{"http://example.com/a?b=c": true, "http://example.com/%zz": false, "": true, "::": false} {
			if got := k.proxy.cachesURL(url); got != want {
				t.Errorf("%q: %v", url, got)
			}
		}
		k.get("/a")
		synctest.Wait()
		parts := k.proxy.o.caching.parts.Load()
		r := &restoring{f: k.proxy.o.caching.file, parts: parts, now: time.Now()}
		k.proxy.o.caching.file.caches = func(string) bool { return false }
		for rec := range records(parts.store, time.Now()) {
			if err := r.restore(rec); err != nil {
				t.Error(err)
			}
		}
		if r.restored != 0 || r.left != 1 {
			t.Errorf("%d restored, %d left out", r.restored, r.left)
		}
	})
}

// TestWireWins: what was fetched while the snapshot was read is newer than what
// is in it, and is not pushed out by it either.
func TestWireWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		k := newKept(t, filepath.Join(dir, "cache"), "", gives("old", "Cache-Control: max-age=60"))
		k.get("/a")
		synctest.Wait()
		var old []snapshot.Record
		for rec := range records(k.proxy.o.caching.parts.Load().store, time.Now()) {
			rec.Meta = bytes.Clone(rec.Meta)
			old = append(old, rec)
		}
		k = newKept(t, filepath.Join(dir, "other"), "", gives("new", "Cache-Control: max-age=60"))
		k.get("/a")
		synctest.Wait()
		parts := k.proxy.o.caching.parts.Load()
		r := &restoring{f: k.proxy.o.caching.file, parts: parts, now: time.Now()}
		for _, rec := range old {
			if err := r.restore(rec); err != nil {
				t.Error(err)
			}
		}
		if got := k.get("/a"); got.body != "new" || len(old) != 1 {
			t.Errorf("%q, of %d in the file", got.body, len(old))
		}
		old[0].Body = [][]byte{make([]byte, parts.store.Stats().Budget)}
		if err := r.restore(old[0]); err != errCacheFull {
			t.Errorf("into a cache that is full: %v", err)
		}
	})
}

// TestAgeAfterClockWasSetBack: what is restored is never younger than when it
// was written, and never older than it is.
func TestAgeAfterClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", gives("x", "Cache-Control: max-age=3600"))
		k.get("/a")
		time.Sleep(time.Minute)
		k.ends()
		for _, c := range []struct{ jump, want time.Duration }{
			{0, time.Minute}, {time.Second, 61 * time.Second}, {-time.Second, time.Minute}, {-1000 * time.Hour, time.Minute},
		} {
			now := time.Now().Add(c.jump).Round(0)
			_, err := snapshot.Read(t.Context(), file, recordSchema, now, 1<<20, func(in snapshot.Record) error {
				rec, err := readRecord(in.Meta)
				if rec.kind == recordWriter {
					return err
				}
				if p := rec.policy.Restored(in.Age, now); err != nil || p.Age(now).Round(time.Millisecond) != c.want {
					t.Errorf("after a jump by %v: %v old, want %v, %v", c.jump, p.Age(now), c.want, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSoftPurgeOutlivesARestart: what was purged softly isn't fresh again, and
// still serves in trouble.
func TestSoftPurgeOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, ", staleIfError: 1h", gives("x", "Cache-Control: max-age=3600"))
		k.get("/soft")
		k.get("/hard")
		synctest.Wait()
		for _, what := range []Purge{{URL: "http://example.com/soft", Soft: true}, {URL: "http://example.com/hard"}} {
			if n, err := k.proxy.PurgeCache(what); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		k.ends()
		k = newKept(t, file, ", staleIfError: 1h", fails(500))
		k.asked()
		k.wants(k.get("/soft"), 200, "x", "levee; hit; ttl=0; detail=stale-if-error", 1)
		if r := k.get("/hard"); r.StatusCode != 500 {
			t.Errorf("what was purged is back: %d %q", r.StatusCode, r.body)
		}
	})
}

// TestPurgeOutlivesACrash, which comes long before the next snapshot is due.
func TestPurgeOutlivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", gives("one", "Cache-Control: max-age=3600"))
		k.get("/a")
		k.get("/b")
		time.Sleep(61 * time.Second) // one is written
		if n, err := k.proxy.PurgeCache(Purge{URL: "http://example.com/a"}); n != 1 || err != nil {
			t.Error(n, err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		k.killed()
		k = newKept(t, file, "", gives("two"))
		if r := k.get("/a"); r.body != "two" {
			t.Errorf("what was purged is back: %q, %s", r.body, r.status())
		}
		if r := k.get("/b"); r.body != "one" {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}

// TestSnapshotsAtIntervals: the file is written as often as asked for, if there
// is anything new; a kill loses what came after.
func TestSnapshotsAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", gives("x", "Cache-Control: max-age=3600"))
		k.get("/a")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		first := k.snapshot()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		second := k.snapshot()
		if first.Writes != 1 || first.Answers != 1 || first.Bytes < 100 || second.Writes != 2 { // the second has /counted
			t.Errorf("%+v\n%+v", first, second)
		}
		k.get("/b")
		synctest.Wait()
		k.killed()
		k = newKept(t, file, "", breaks)
		if a, b := k.get("/a"), k.get("/b"); a.StatusCode != 200 || b.StatusCode != 502 {
			t.Errorf("%d, %d", a.StatusCode, b.StatusCode)
		}
	})
}

// TestSnapshotThatCannotBeWritten: it is counted, told once, and served on; when
// it can be written again, that is told too.
func TestSnapshotThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "later")
		k := newKept(t, filepath.Join(dir, "cache"), "", gives("x", "Cache-Control: max-age=3600"))
		for range 5 {
			k.get("/a")
			time.Sleep(61 * time.Second)
			synctest.Wait()
		}
		s := k.snapshot()
		if s.Errors != 5 || s.LastError == "" || s.Writes != 0 || time.Since(s.FailingSince) < 4*time.Minute {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(k.log.String(), "can't be written"); n != 1 {
			t.Errorf("told %d times:\n%s", n, k.log)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if s := k.snapshot(); s.Errors != 5 || s.LastError != "" || s.Writes != 1 || !strings.Contains(k.log.String(), "can be written again") {
			t.Errorf("%+v\n%s", s, k.log)
		}
	})
}

// TestUnsoundSnapshots: each is told in words, once, and a good one takes its
// place, except where something else is in it.
func TestUnsoundSnapshots(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, file string)
		told string
	}{
		"empty":           {func(t *testing.T, file string) { write(t, file, "") }, "torn off"},
		"another program": {func(t *testing.T, file string) { write(t, file, strings.Repeat("PRECIOUS", 20)) }, "of another format"},
		"another schema": {func(t *testing.T, file string) {
			if _, err := snapshot.Write(t.Context(), file, "other", time.Now(), func(func(snapshot.Record) bool) {}); err != nil {
				t.Fatal(err)
			}
		}, "schema"},
		"a folder": {func(t *testing.T, file string) {
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		"a pipe": {func(t *testing.T, file string) {
			if err := syscall.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				c.make(t, file)
				before, _ := os.ReadFile(map[bool]string{true: file, false: os.DevNull}[!strings.HasPrefix(c.told, "no")])
				k := newKept(t, file, "", gives("x", "Cache-Control: max-age=3600"))
				s := k.snapshot()
				if !strings.Contains(s.Ignored, c.told) || strings.Count(k.log.String(), "level=WARN") != 1 || s.Restored != 0 {
					t.Errorf("%+v\n%s", s, k.log)
				}
				synctest.Wait()
				k.ends()
				s = k.snapshot()
				if strings.HasPrefix(c.told, "no") {
					info, err := os.Stat(file)
					if err != nil || info.Mode().IsRegular() || s.Errors != 1 {
						t.Errorf("it was replaced: %v, %+v", err, s)
					}
					return
				}
				if s.Writes != 1 {
					t.Errorf("%+v", s)
				}
				aside, err := os.ReadFile(file + ".foreign")
				if foreign := !strings.HasPrefix(c.told, "torn"); foreign != (err == nil) || foreign && !bytes.Equal(aside, before) {
					t.Errorf("put aside: %q, %v", aside, err)
				}
				k = newKept(t, file, "", breaks)
				if s := k.snapshot(); s.Restored != 1 || s.Ignored != "" {
					t.Errorf("the next one: %+v", s)
				}
			})
		})
	}
}

func write(t *testing.T, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStoppedWhileReading: what was read in part doesn't replace the whole.
func TestStoppedWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", gives("x", "Cache-Control: max-age=3600"))
		for _, path := range []string{"/a", "/b", "/c"} {
			k.get(path)
		}
		synctest.Wait()
		k.ends()
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		k = newKept(t, filepath.Join(t.TempDir(), "other"), "", gives("y", "Cache-Control: max-age=3600"))
		f := k.proxy.o.caching.file
		asked := 0
		f.caches = func(string) bool {
			if asked++; asked == 2 {
				go f.finish(context.Background())
				<-f.running.Done()
			}
			return true
		}
		f.configure(config.CacheSnapshot{File: file, Interval: config.Duration(time.Minute)})
		synctest.Wait()
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, whole) || asked != 2 {
			t.Errorf("asked %d times; the file has %d bytes and had %d; %v", asked, len(now), len(whole), err)
		}
	})
}

// TestPurgedIsNotRestored: where the snapshot can't be written after a purge, the
// one before it, with what was purged, is removed. A soft purge leaves it.
func TestPurgedIsNotRestored(t *testing.T) {
	for _, test := range []struct {
		name      string
		soft, cut bool
	}{{"the disk refuses", false, false}, {"the last write is cut off", false, true}, {"softly", true, false}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "cache")
				k := newKept(t, file, ", staleIfError: 1h", gives("x", "Cache-Control: max-age=3600"))
				k.get("/a")
				k.get("/b")
				synctest.Wait() // both are stored
				k.ends()
				if !test.cut { // with such a name there is no room for that of a temporary one
					long := filepath.Join(dir, strings.Repeat("c", 250))
					if err := os.Rename(file, long); err != nil {
						t.Fatal(err)
					}
					file = long
				}
				k = newKept(t, file, ", staleIfError: 1h", breaks)
				if n, err := k.proxy.PurgeCache(Purge{URL: "http://example.com/a", Soft: test.soft}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				if test.cut {
					over, cancel := context.WithCancel(t.Context())
					cancel()
					k.proxy.o.caching.file.close(over)
				} else {
					time.Sleep(2 * time.Second)
				}
				synctest.Wait()
				f := k.proxy.o.caching.file
				_, err := os.Stat(file)
				if test.cut && err == nil && f.written == f.hard.Load() {
					return // the write was quicker than the end, and the file has nothing of it
				}
				if (err == nil) != test.soft {
					t.Errorf("the file: %v\n%s", err, k.log)
				}
				if test.soft == strings.Contains(k.log.String(), "was removed") {
					t.Errorf("the log: %s", k.log)
				}
			})
		})
	}
}
