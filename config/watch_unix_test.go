//go:build unix

package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWatchLeavesPipesAlone: a second read of one would wait forever.
func TestWatchLeavesPipesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levee.yaml")
	write(t, path, version("1"))
	m := newManager(t, path, ManagerOptions{Poll: time.Millisecond, Debounce: time.Millisecond})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Watch(ctx)
	if err := m.Reload(); err == nil || !strings.Contains(err.Error(), "not a regular file") || errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
