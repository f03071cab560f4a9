package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// handOver starts an elder process with /item in its snapshot, and a younger one
// beside it.
func handOver(t *testing.T, file string) (elder, younger *kept) {
	elder = newKept(t, file, "", products("old"))
	elder.get("/item")
	time.Sleep(61 * time.Second)
	elder.get("/more") // so that its last snapshot is another one
	return elder, newKept(t, file, "", products("new"))
}

// TestElderLeavesTheYoungersSnapshot: at a restart without a gap, what the younger
// process has had invalidated or purged, and has written down, isn't brought back by
// the elder one's last snapshot, nor is the younger one's removed for what the elder
// was told to purge.
func TestElderLeavesTheYoungersSnapshot(t *testing.T) {
	for name, change := range map[string]func(*kept){
		"a request": func(k *kept) {
			k.send("POST", "/item")
			time.Sleep(61 * time.Second)
		},
		"a purge": func(k *kept) {
			if _, err := k.proxy.PurgeCache(Purge{URL: "http://example.com/item"}); err != nil {
				k.t.Error(err)
			}
			time.Sleep(5 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				elder, younger := handOver(t, file)
				younger.get("/another")
				change(younger)
				if _, err := elder.proxy.PurgeCache(Purge{URL: "http://example.com/more"}); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Second)
				elder.ends()
				younger.killed()
				third := newKept(t, file, "", products("third"))
				for path, want := range map[string]string{"/item": "third", "/another": "new"} {
					if r := third.get(path); r.body != want {
						t.Errorf("%s: %q, %s", path, r.body, r.status())
					}
				}
				if n := strings.Count(elder.log.String(), "left to a younger process"); n != 1 {
					t.Errorf("told %d times:\n%s", n, elder.log)
				}
			})
		})
	}
}

// TestYoungerTakesTheSnapshotBack: where the elder process has written behind the
// younger one's reading, or somebody has removed the file, the younger one writes at
// its next interval, also if nothing has changed in it.
func TestYoungerTakesTheSnapshotBack(t *testing.T) {
	for name, meanwhile := range map[string]func(file string, elder *kept) error{
		"written": func(_ string, elder *kept) error {
			elder.ends()
			return nil
		},
		"removed": func(file string, elder *kept) error {
			elder.killed()
			return os.Remove(file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "cache")
				elder, younger := handOver(t, file)
				if err := meanwhile(file, elder); err != nil {
					t.Fatal(err)
				}
				time.Sleep(61 * time.Second)
				synctest.Wait()
				younger.killed()
				third := newKept(t, file, "", products("third"))
				for path, want := range map[string]string{"/item": "old", "/more": "third"} { // as the younger one has it
					if r := third.get(path); r.body != want {
						t.Errorf("%s: %q, %s", path, r.body, r.status())
					}
				}
			})
		})
	}
}

// TestElderGoesOnAfterARollback: where the younger process is gone, the elder one
// writes snapshots again.
func TestElderGoesOnAfterARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		elder, younger := handOver(t, file)
		younger.get("/younger")
		younger.ends()
		time.Sleep(5 * time.Minute)
		elder.get("/elder")
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		elder.killed()
		third := newKept(t, file, "", products("third"))
		for path, want := range map[string]string{"/elder": "old", "/younger": "third"} {
			if r := third.get(path); r.body != want {
				t.Errorf("%s: %q, %s", path, r.body, r.status())
			}
		}
	})
}
