package proxy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// midway is a context under which something happens while a snapshot is written:
// when it is asked for the first time whether it has ended.
type midway struct {
	context.Context
	once sync.Once
	do   func()
}

func (m *midway) Err() error {
	m.once.Do(m.do)
	return m.Context.Err()
}

// TestPurgedWhileWritten: what is purged hard while a snapshot is written, which
// has it already, isn't in the file in the end, also where the purge has removed
// the file that was there before.
func TestPurgedWhileWritten(t *testing.T) {
	for name, always := range map[string]bool{"once": false, "again and again": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				k := newKept(t, file, "", gives("one", "Cache-Control: max-age=3600"))
				k.get("/a")
				k.get("/b")
				synctest.Wait()
				f := k.proxy.o.caching.file
				purge := func(path string) {
					if _, err := k.proxy.PurgeCache(Purge{URL: "http://example.com" + path}); err != nil {
						t.Error(err)
					}
					f.discard(f.settings()) // as the end of a stop does
				}
				ctx := &midway{Context: t.Context(), do: func() { purge("/a") }}
				if always {
					ctx.Context = &endless{t.Context(), func() { purge("/c") }}
				}
				f.save(ctx, f.settings())
				k.killed()
				k = newKept(t, file, "", gives("two"))
				if r := k.get("/a"); r.body != "two" {
					t.Errorf("what was purged is back: %q, %s", r.body, r.status())
				}
				if r := k.get("/b"); (r.body == "one") == always {
					t.Errorf("%q, %s", r.body, r.status())
				}
			})
		})
	}
}

// endless has something happen each time.
type endless struct {
	context.Context
	do func()
}

func (e *endless) Err() error {
	e.do()
	return e.Context.Err()
}

// TestLeftOversAreRemoved at the start, whether or not there is anything to write.
func TestLeftOversAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		ours, foreign := file+".writing-123", file+".writing-456"
		write(t, ours, "")
		write(t, foreign, "precious")
		long := time.Now().Add(-time.Hour)
		if err := errors.Join(os.Chtimes(ours, long, long), os.Chtimes(foreign, long, long)); err != nil {
			t.Fatal(err)
		}
		k := newKept(t, file, "", breaks)
		_, gone := os.Stat(ours)
		_, stays := os.Stat(foreign)
		if !os.IsNotExist(gone) || stays != nil || !strings.Contains(k.log.String(), "removed what killed processes left") {
			t.Errorf("%v, %v\n%s", gone, stays, k.log)
		}
	})
}
