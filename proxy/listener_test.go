package proxy

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What has the path of a unix listener and is no socket, stays.
func TestBindSparesFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder, link} {
		if l, err := bind("unix:" + path); !errors.Is(err, errNotSocket) {
			if l != nil {
				l.Close()
			}
			t.Errorf("%s: %v, want errNotSocket", path, err)
		}
	}
	if kept, err := os.ReadFile(link); err != nil || !bytes.Equal(kept, []byte("precious")) {
		t.Errorf("the file holds %q, %v", kept, err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}

// A socket is replaced when whoever listened is gone, and only then.
func TestBindReplacesWhatIsDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if l, err := bind("unix:" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("while it is served: %v, %v, want EADDRINUSE", l, err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := bind("unix:" + path)
	if err != nil {
		t.Fatalf("after its process is gone: %v", err)
	}
	l.Close()
}
