package proxy

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// products is a service with groups, whose POST changes one of them and another URL.
func products(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Cache-Group-Invalidation", `"product-7"`)
			w.Header().Set("Location", "/list")
			return
		}
		if strings.HasPrefix(r.URL.Path, "/grouped") {
			w.Header().Set("Cache-Groups", `"product-7"`)
		}
		gives(body, "Cache-Control: max-age=3600")(w, r)
	}
}

// TestInvalidationOutlivesAKill: what a POST has invalidated is not back after
// kill -9, long before the next snapshot; nor is what an operator has purged.
func TestInvalidationOutlivesAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, ", staleIfError: 1h", products("old"))
		paths := []string{"/item", "/list", "/grouped", "/other", "/url", "/prefix/a", "/soft"}
		for _, path := range paths {
			k.get(path)
		}
		time.Sleep(60*time.Second + 100*time.Millisecond) // it is written
		synctest.Wait()
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if r := k.send("POST", "/item"); r.StatusCode != 200 {
			t.Fatal(r.StatusCode)
		}
		for _, what := range []Purge{{URL: "http://example.com/url"}, {Prefix: "http://example.com/prefix/"}, {URL: "http://example.com/soft", Soft: true}} {
			if n, err := k.proxy.PurgeCache(what); n != 1 || err != nil {
				t.Error(n, err)
			}
		}
		k.killed()
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, before) {
			t.Fatal("the snapshot is another one already")
		}
		for start := range 2 { // the second one is killed before it has written anything
			k = newKept(t, file, ", staleIfError: 1h", products("new"))
			for _, path := range paths {
				want := "new"
				if path == "/other" {
					want = "old"
				}
				if r := k.get(path); r.body != want {
					t.Errorf("start %d: %s is %q, %s", start, path, r.body, r.status())
				}
			}
			if s := k.snapshot(); s.Restored != 2 || s.LeftOut != 5 {
				t.Errorf("%+v", s)
			}
			k.killed()
		}
		// What was purged softly still serves in trouble.
		k = newKept(t, file, ", staleIfError: 1h", fails(500))
		if r := k.get("/soft"); r.body != "old" || !strings.HasSuffix(r.status(), "detail=stale-if-error") {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}

// TestAChangeBehindIsNoChange: what was fetched again after an invalidation, and is
// in a snapshot, is restored; the journal is empty by then.
func TestAChangeBehindIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", products("old"))
		for range 3 {
			k.get("/item")
			k.send("POST", "/item")
		}
		k.get("/item")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if info, err := os.Stat(file + journalSuffix); err != nil || info.Size() != 8 {
			t.Errorf("%v, %v", info, err)
		}
		k.killed()
		k = newKept(t, file, "", products("new"))
		if r := k.get("/item"); r.body != "old" {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}

// TestJournalOverflows: when more has changed than is noted, nothing of the
// snapshot is used.
func TestJournalOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", products("old"))
		k.get("/item")
		time.Sleep(61 * time.Second)
		synctest.Wait()
		j := k.proxy.o.caching.file.journal
		for i := range journalMost / 1000 {
			j.note(time.Now(), change{kind: changeURL, text: fmt.Sprintf("http://example.com/%01000d", i)})
		}
		if !j.full || len(j.since) > journalMost/1000 {
			t.Errorf("%v, %d", j.full, len(j.since))
		}
		k.killed()
		k = newKept(t, file, "", products("new"))
		if r := k.get("/item"); r.body != "new" {
			t.Errorf("%q, %s", r.body, r.status())
		}
	})
}

// TestUnsoundJournals: behind one that can't be read nothing of the snapshot is
// used; one that is torn has all that was told.
func TestUnsoundJournals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, journal string)
		item  string // of /item, which has been changed
		other string // of what has not
	}{
		"sound": {func(*testing.T, string) {}, "new", "old"},
		"torn": {func(t *testing.T, journal string) {
			text, err := os.ReadFile(journal)
			if err != nil {
				t.Fatal(err)
			}
			write(t, journal, string(text)+"\x40\x00\x00\x00half")
		}, "new", "old"},
		"damaged": {func(t *testing.T, journal string) {
			text, err := os.ReadFile(journal)
			if err != nil {
				t.Fatal(err)
			}
			text[20] ^= 1
			write(t, journal, string(text))
		}, "new", "new"},
		"foreign": {func(t *testing.T, journal string) { write(t, journal, "precious things") }, "new", "new"},
		"gone": {func(t *testing.T, journal string) {
			if err := os.Remove(journal); err != nil {
				t.Fatal(err)
			}
		}, "old", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				k := newKept(t, file, "", products("old"))
				k.get("/item")
				k.get("/other")
				time.Sleep(61 * time.Second)
				k.send("POST", "/item")
				k.send("POST", "/more")
				k.killed()
				c.spoil(t, file+journalSuffix)
				k = newKept(t, file, "", products("new"))
				if item, other := k.get("/item"), k.get("/other"); item.body != c.item || other.body != c.other {
					t.Errorf("%q and %q", item.body, other.body)
				}
				// In the end there is a snapshot and a journal again.
				time.Sleep(61 * time.Second)
				k.send("POST", "/item")
				k.killed()
				k = newKept(t, file, "", products("newer"))
				if item, other := k.get("/item"), k.get("/other"); item.body != "newer" || other.body != c.other {
					t.Errorf("later: %q and %q", item.body, other.body)
				}
			})
		})
	}
}

// TestWithoutAJournal: an invalidation counts as a purge, behind which the snapshot
// is written anew at once.
func TestWithoutAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		noJournal(t, file)
		k := newKept(t, file, "", products("old"))
		k.get("/item")
		k.get("/other")
		time.Sleep(61 * time.Second)
		k.send("POST", "/item")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		k.killed()
		k = newKept(t, file, "", products("new"))
		if item, other := k.get("/item"), k.get("/other"); item.body != "new" || other.body != "old" {
			t.Errorf("%q and %q", item.body, other.body)
		}
	})
}

// TestNobodyWaitsForWhatIsNoted: what was noted before costs no wait, nor does what
// can't be written.
func TestNobodyWaitsForWhatIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		k := newKept(t, file, "", products("old"))
		begun := time.Now()
		for range 3 {
			if r := k.send("POST", "/item"); r.StatusCode != 200 {
				t.Error(r.StatusCode)
			}
			synctest.Wait()
		}
		if err := os.Remove(file + journalSuffix); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/other", "/item", "/third"} {
			if r := k.send("POST", path); r.StatusCode != 200 {
				t.Error(r.StatusCode)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited for %v", took)
		}
	})
}

// TestClockSetBackBetween: numbers go on although the clock doesn't.
func TestClockSetBackBetween(t *testing.T) {
	j := newCacheJournal(nil, func() {}, func() {})
	j.configure(true)
	late, early := time.Unix(2000, 0), time.Unix(1000, 0)
	j.take(change{kind: changeURL, text: "a"}, late)
	mark := j.begins()
	j.take(change{kind: changeURL, text: "a"}, early)
	if c := j.since; len(c) != 1 || c[0].seq <= mark {
		t.Errorf("%+v behind %d", c, mark)
	}
	j.follows(mark + 1000)
	if c := j.since; c[0].seq <= mark+1000 {
		t.Errorf("%+v behind %d", c, mark+1000)
	}
}

// FuzzChange: what isn't a change is refused, and what is one comes back.
func FuzzChange(f *testing.F) {
	for _, c := range []change{{1, changeURL, time.Time{}, "http://a/"}, {1 << 60, changeAll, time.Unix(0, 5), ""}} {
		f.Add(c.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := readChange(b)
		if !ok {
			return
		}
		again, ok := readChange(c.append(nil))
		if !ok || again.seq != c.seq || again.kind != c.kind || !again.soft.Equal(c.soft) || again.text != c.text {
			t.Errorf("%+v became %+v", c, again)
		}
	})
}
