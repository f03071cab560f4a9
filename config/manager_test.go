package config

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// silent is a logger for tests that look at results alone.
var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// version returns a valid configuration that differs by n.
func version(n string) string { return minimal + "forwarding: {name: v" + n + "}\n" }

// write replaces a file's content.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newManager(t *testing.T, path string, options ManagerOptions) *Manager {
	t.Helper()
	if options.Logger == nil {
		options.Logger = silent
	}
	m, err := NewManager(path, Overrides{}, options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	var applied []string
	var refuse error
	m := newManager(t, path, ManagerOptions{Apply: func(c *Config) error {
		applied = append(applied, c.Forwarding.Name)
		return refuse
	}})
	first := m.Info()
	if first.Hash != m.Current().Hash() || first.Source != path || first.AppliedAt.IsZero() || first.Reloads != 0 || len(applied) != 0 {
		t.Errorf("at first: %+v, applied %v", first, applied)
	}

	// The same file is in force already.
	if err := m.Reload(); err != nil || m.Info() != first || len(applied) != 0 {
		t.Errorf("unchanged: %v, %+v, applied %v", err, m.Info(), applied)
	}

	// A new file comes into force.
	write(t, path, version("2"))
	if err := m.Reload(); err != nil || m.Current().Forwarding.Name != "v2" || m.Info().Reloads != 1 || m.Info().Hash != m.Current().Hash() || m.Info().Hash == first.Hash {
		t.Errorf("changed: %v, %+v", err, m.Info())
	}

	// A bad file is refused, with all that is wrong, and never applied.
	write(t, path, "nonsense: 1\n")
	second := m.Info()
	err := m.Reload()
	if _, ok := errors.AsType[*Error](err); !ok || m.Current().Forwarding.Name != "v2" || len(applied) != 1 {
		t.Errorf("bad: %v, %v, applied %v", err, m.Current(), applied)
	}
	if info := m.Info(); info.Refused != 1 || info.LastError != err.Error() || info.LastErrorAt.IsZero() || info.Hash != second.Hash || info.AppliedAt != second.AppliedAt {
		t.Errorf("bad: %+v", info)
	}

	// A valid one that can't be applied is refused too.
	refuse = errors.New("port in use")
	write(t, path, version("3"))
	if err := m.Reload(); !errors.Is(err, refuse) || m.Current().Forwarding.Name != "v2" || m.Info().Refused != 2 || !strings.Contains(m.Info().LastError, "port in use") {
		t.Errorf("not applied: %v, %+v", err, m.Info())
	}

	// With the old file back, what is in force is what is on disk.
	write(t, path, version("2"))
	if err := m.Reload(); err != nil || m.Info().LastError != "" || !m.Info().LastErrorAt.IsZero() || m.Info().Reloads != 1 {
		t.Errorf("back: %v, %+v", err, m.Info())
	}

	// A file that is gone is refused like a bad one.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(); !errors.Is(err, os.ErrNotExist) || m.Current().Forwarding.Name != "v2" || m.Info().Refused != 3 {
		t.Errorf("gone: %v, %+v", err, m.Info())
	}
}

// Whoever reads the log learns when what it complained of is over.
func TestRestoredFileIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	var log strings.Builder
	m := newManager(t, path, ManagerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := m.Reload(); err != nil || log.Len() != 0 {
		t.Errorf("unchanged: %v, and %q is logged", err, &log)
	}
	write(t, path, "nonsense: 1\n")
	if err := m.Reload(); err == nil || !strings.Contains(log.String(), "refused") {
		t.Errorf("bad: %v, and %q is logged", err, &log)
	}
	log.Reset()
	write(t, path, version("1"))
	if err := m.Reload(); err != nil || strings.Count(log.String(), "configuration restored") != 1 {
		t.Errorf("restored: %v, and %q is logged", err, &log)
	}
}

func TestManagerWithoutFile(t *testing.T) {
	m, err := NewManager("", Overrides{Upstream: "http://a"}, ManagerOptions{Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(); err != nil || m.Info().Source != "flags" || m.Current().Upstreams[0].Endpoints[0] != "http://a" {
		t.Errorf("%v, %+v", err, m.Info())
	}
	// There is nothing to watch, and Watch ends when it is told to.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Watch(ctx)
}

func TestManagerRefusesABadStart(t *testing.T) {
	if _, err := NewManager("", Overrides{}, ManagerOptions{}); err == nil {
		t.Error("nothing to proxy to, and no error")
	}
	path := filepath.Join(t.TempDir(), "levee.yaml")
	if _, err := NewManager(path, Overrides{}, ManagerOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestReloadsFollowEachOther: configurations are applied one at a time, also
// when many ask at once, and a status never waits for one.
func TestReloadsFollowEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	var m *Manager
	var inside sync.Mutex
	m = newManager(t, path, ManagerOptions{Apply: func(*Config) error {
		if !inside.TryLock() {
			t.Error("two at once")
		}
		defer inside.Unlock()
		_ = m.Info()
		_ = m.Current()
		return nil
	}})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 20 {
				// Written whole or not at all, as all who care do it.
				temporary := path + string(rune('a'+n))
				if err := os.WriteFile(temporary, []byte(version(string(rune('a'+i)))), 0o600); err != nil {
					t.Error(err)
				}
				if err := os.Rename(temporary, path); err != nil {
					t.Error(err)
				}
				if err := m.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := m.Info(); got.Refused != 0 || got.Hash != m.Current().Hash() {
		t.Errorf("%+v", got)
	}
}

func TestSetApply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	m := newManager(t, path, ManagerOptions{})
	write(t, path, version("2"))
	if err := m.Reload(); err != nil || m.Current().Forwarding.Name != "v2" {
		t.Errorf("without: %v", err)
	}
	calls := 0
	m.SetApply(func(*Config) error { calls++; return nil })
	write(t, path, version("3"))
	if err := m.Reload(); err != nil || calls != 1 {
		t.Errorf("with: %v, %d calls", err, calls)
	}
}

func TestReloadUsesItsEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, minimal+"forwarding: {name: \"${NAME}\"}\n")
	m := newManager(t, path, ManagerOptions{Env: func(name string) (string, bool) { return strings.ToLower(name), true }})
	if m.Current().Forwarding.Name != "name" {
		t.Errorf("%+v", m.Current().Forwarding)
	}
}

// patience is how long an event may take on a busy machine before a test
// gives up. No test waits for it to pass.
const patience = 20 * time.Second
