package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watched is a manager that is being watched, and what it applied or refused.
type watched struct {
	*Manager
	t       *testing.T
	applied chan string
	refused chan string
	stop    context.CancelFunc
	stopped chan struct{}
}

// refusals is a log handler that passes refusals on.
type refusals struct {
	slog.Handler
	to chan string
}

func (r refusals) Handle(_ context.Context, record slog.Record) error {
	if record.Level < slog.LevelError {
		return nil
	}
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			r.to <- a.Value.String()
		}
		return true
	})
	return nil
}

func (r refusals) WithAttrs([]slog.Attr) slog.Handler { return r }

// watchFile starts to watch a file, with or without a poll that helps.
func watchFile(t *testing.T, path string, poll time.Duration) *watched {
	t.Helper()
	w := &watched{t: t, applied: make(chan string, 100), refused: make(chan string, 100), stopped: make(chan struct{})}
	w.Manager = newManager(t, path, ManagerOptions{
		Apply:    func(c *Config) error { w.applied <- c.Forwarding.Name; return nil },
		Logger:   slog.New(refusals{slog.NewTextHandler(io.Discard, nil), w.refused}),
		Debounce: 5 * time.Millisecond,
		Poll:     poll,
	})
	var ctx context.Context
	ctx, w.stop = context.WithCancel(t.Context())
	go func() {
		defer close(w.stopped)
		w.Watch(ctx)
	}()
	t.Cleanup(w.end)
	return w
}

// end stops watching and waits until it has.
func (w *watched) end() {
	w.stop()
	select {
	case <-w.stopped:
	case <-time.After(patience):
		w.t.Error("Watch doesn't end")
	}
}

// expect waits for a configuration to be applied.
func (w *watched) expect(name string) {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got := <-w.applied:
			if got == name {
				return
			}
			w.t.Logf("%s on the way to %s", got, name)
		case <-deadline:
			w.t.Fatalf("%s is not applied", name)
		}
	}
}

// expectRefusal waits for a file to be refused.
func (w *watched) expectRefusal(part string) {
	w.t.Helper()
	select {
	case got := <-w.refused:
		if !strings.Contains(got, part) {
			w.t.Fatalf("refused for %q, not for %q", got, part)
		}
	case <-time.After(patience):
		w.t.Fatalf("nothing is refused for %q", part)
	}
}

// never is a poll that can't help.
const never = 24 * time.Hour

func TestWatchSeesAFileWrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	w := watchFile(t, path, never)
	for _, n := range []string{"2", "3"} {
		write(t, path, version(n))
		w.expect("v" + n)
	}
}

// TestWatchSeesAnEditorsRename: vim and others write beside the file and
// rename over it.
func TestWatchSeesAnEditorsRename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	w := watchFile(t, path, never)
	for _, n := range []string{"2", "3", "4"} {
		write(t, path+".swp", version(n))
		if err := os.Rename(path+".swp", path); err != nil {
			t.Fatal(err)
		}
		w.expect("v" + n)
	}
}

// configMap is a folder as kubelet mounts a ConfigMap: the file is a symlink
// through ..data, which is a symlink to a folder named after the time.
type configMap struct {
	t      *testing.T
	folder string
	count  int
}

// put writes a new version as kubelet's atomic writer does: a new folder, a
// new symlink to it, renamed over ..data, and then the old folder goes.
func (c *configMap) put(text string) {
	c.t.Helper()
	c.count++
	must := func(err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	data := filepath.Join(c.folder, "..data")
	old, _ := os.Readlink(data)
	stamped := fmt.Sprintf("..2026_11_21_09_00_%02d.%09d", c.count, c.count)
	must(os.Mkdir(filepath.Join(c.folder, stamped), 0o755))
	must(os.WriteFile(filepath.Join(c.folder, stamped, "levee.yaml"), []byte(text), 0o644))
	must(os.Symlink(stamped, filepath.Join(c.folder, "..data_tmp")))
	must(os.Rename(filepath.Join(c.folder, "..data_tmp"), data))
	if old == "" {
		must(os.Symlink(filepath.Join("..data", "levee.yaml"), filepath.Join(c.folder, "levee.yaml")))
		return
	}
	must(os.RemoveAll(filepath.Join(c.folder, old)))
}

func TestWatchSeesAConfigMap(t *testing.T) {
	c := &configMap{t: t, folder: t.TempDir()}
	c.put(version("1"))
	w := watchFile(t, filepath.Join(c.folder, "levee.yaml"), never)
	for _, n := range []string{"2", "3", "4", "5"} {
		c.put(version(n))
		w.expect("v" + n)
	}
	// A bad one changes nothing, and a good one comes after it.
	c.put("nonsense: 1\n")
	w.expectRefusal("nonsense")
	if w.Current().Forwarding.Name != "v5" {
		t.Errorf("%s is in force", w.Current().Forwarding.Name)
	}
	c.put(version("6"))
	w.expect("v6")
	w.end() // what is applied is noted right after that
	if info := w.Info(); info.LastError != "" {
		t.Errorf("%+v", info)
	}
}

// TestWatchFollowsASymlink: the file that is edited is in another folder than
// the one that was named, and then in yet another one.
func TestWatchFollowsASymlink(t *testing.T) {
	folder, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	path := filepath.Join(folder, "levee.yaml")
	write(t, filepath.Join(first, "real.yaml"), version("1"))
	write(t, filepath.Join(second, "other.yaml"), version("3"))
	if err := os.Symlink(filepath.Join(first, "real.yaml"), path); err != nil {
		t.Fatal(err)
	}
	w := watchFile(t, path, never)
	write(t, filepath.Join(first, "real.yaml"), version("2"))
	w.expect("v2")
	if err := os.Symlink(filepath.Join(second, "other.yaml"), path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	w.expect("v3")
	write(t, filepath.Join(second, "other.yaml"), version("4"))
	w.expect("v4")
}

// TestWatchPollsWhereNothingIsHeard stands for NFS, for folders that are
// mounted anew, and for systems that are out of inotify watches.
func TestWatchPollsWhereNothingIsHeard(t *testing.T) {
	before := newNotifier
	newNotifier = func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
	defer func() { newNotifier = before }()

	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	w := watchFile(t, path, 2*time.Millisecond)
	write(t, path, version("2"))
	w.expect("v2")

	// A bad file is refused once and not at every poll.
	write(t, path+".new", "nonsense: 1\n")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	w.expectRefusal("nonsense")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.expectRefusal("no such file")
	write(t, path+".new", version("3"))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	w.expect("v3")
	w.end()
	if info := w.Info(); info.Refused != 2 {
		t.Errorf("%d refused, want 2", info.Refused)
	}
}

// TestWatchSurvivesItsFolder: a folder that is removed and made again.
func TestWatchSurvivesItsFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "levee")
	path := filepath.Join(folder, "levee.yaml")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, version("1"))
	w := watchFile(t, path, 5*time.Millisecond)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	w.expectRefusal("no such file")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path+".new", version("2"))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	w.expect("v2")
}

// TestWatchSeesWhatChangedBeforeIt: between start and watch the file may have
// been replaced.
func TestWatchSeesWhatChangedBeforeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	applied := make(chan string, 1)
	m := newManager(t, path, ManagerOptions{Debounce: time.Millisecond, Poll: never, Apply: func(c *Config) error { applied <- c.Forwarding.Name; return nil }})
	write(t, path, version("2"))
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { m.Watch(ctx) })
	select {
	case <-applied:
	case <-time.After(patience):
		t.Error("not seen")
	}
	cancel()
	done.Wait()
}
