package config

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch reloads whenever the file changes, until ctx is done. What goes wrong
// with watching is logged and never ends it: a slow poll sees changes too.
//
// It watches the file's folder and not the file. Editors write a new file and
// rename it over the old one, after which a watch on the old one sees
// nothing. Kubernetes goes further: a ConfigMap's file is a symlink through a
// folder named ..data, itself a symlink, and only that one is replaced.
func (m *Manager) Watch(ctx context.Context) {
	w := &watch{manager: m, log: m.options.Logger.With("source", m.path)}
	switch {
	case m.path == "":
		<-ctx.Done()
		return
	case !isRegular(m.path):
		w.log.Warn("configuration is not watched: it is not a regular file")
		<-ctx.Done()
		return
	}
	var err error
	if w.notifier, err = newNotifier(); err != nil {
		w.notifier = nil
		w.log.Warn("configuration is watched by polling alone", "error", err, "poll", m.options.Poll)
	} else {
		defer w.notifier.Close()
	}
	w.run(ctx)
}

// newNotifier is replaced by tests of a system without inotify.
var newNotifier = fsnotify.NewWatcher

// watch is one run of Manager.Watch. Nothing in it is shared.
type watch struct {
	manager *Manager
	log     *slog.Logger

	notifier *fsnotify.Watcher // nil: only the poll is left
	folders  []string          // watched now
	files    []string          // the names in them that matter

	// tried is the file as it was when it was last acted upon, so that a file
	// that was refused isn't refused again at every poll.
	tried fileState
}

// fileState is a file's content, or why it couldn't be read.
type fileState struct {
	sum     [sha256.Size]byte
	failure string
}

func (w *watch) run(ctx context.Context) {
	var events chan fsnotify.Event
	var failures chan error
	if w.notifier != nil {
		events, failures = w.notifier.Events, w.notifier.Errors
	}
	poll := time.NewTicker(w.manager.options.Poll)
	defer poll.Stop()
	quiet := time.NewTimer(w.manager.options.Debounce)
	defer quiet.Stop()

	// The file may have changed between being read and being watched, so the
	// first look comes by itself.
	w.follow()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if w.matters(event.Name) {
				quiet.Reset(w.manager.options.Debounce)
			}
		case err := <-failures:
			// Most likely events were lost, so look without one.
			w.log.Warn("watching the configuration failed, the file is looked at instead", "error", err)
			quiet.Reset(w.manager.options.Debounce)
		case <-quiet.C:
			w.look()
		case <-poll.C:
			w.look()
		}
	}
}

// look reloads if the file isn't what it was.
func (w *watch) look() {
	w.follow()
	if !isRegular(w.manager.path) {
		return // see errNotRegular
	}
	now := stateOf(w.manager.path)
	if now == w.tried {
		return
	}
	w.tried = now
	_ = w.manager.Reload() // logged there, and kept for Info
}

func stateOf(path string) fileState {
	data, err := readFile(path)
	if err != nil {
		return fileState{failure: err.Error()}
	}
	return fileState{sum: sha256.Sum256(data)}
}

// follow watches the folder of the file and, if the file is a symlink, the
// folder where it leads now. Folders that were removed and made again are
// watched again.
func (w *watch) follow() {
	if w.notifier == nil {
		return
	}
	folder, name := filepath.Split(w.manager.path)
	folders, files := []string{filepath.Clean(folder)}, []string{name, "..data"}
	if real, err := filepath.EvalSymlinks(w.manager.path); err == nil {
		files = append(files, filepath.Base(real))
		// One folder must not be watched under two names: both share a watch.
		if target := filepath.Dir(real); !sameFolder(folders[0], target) {
			folders = append(folders, target)
		}
	}
	for _, folder := range w.folders {
		if !slices.Contains(folders, folder) {
			_ = w.notifier.Remove(folder) // gone already, more often than not
		}
	}
	watched := w.notifier.WatchList()
	for _, folder := range folders {
		if slices.Contains(watched, folder) {
			continue
		}
		if err := w.notifier.Add(folder); err != nil && !slices.Contains(w.folders, folder) {
			w.log.Warn("a folder of the configuration is watched by polling alone", "folder", folder, "error", err, "poll", w.manager.options.Poll)
		}
	}
	w.folders, w.files = folders, files
}

func sameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return a == b || errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// matters reports whether an event's path can have to do with the file: the
// folder may be a busy one.
func (w *watch) matters(path string) bool { return slices.Contains(w.files, filepath.Base(path)) }
