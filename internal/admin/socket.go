package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// listenUnix listens on a unix socket that only the same user may use (mode
// 0600). It is made in a folder that nobody else can enter and moved to its
// place afterwards: there is no moment in which it has other rights, and what
// it replaces is replaced at once.
//
// The function returned removes the socket, unless another process has
// replaced it meanwhile.
func listenUnix(path string) (net.Listener, func() error, error) {
	if err := mayReplace(path); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".levee")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)

	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	l.SetUnlinkOnClose(false) // it is about to have another path
	ours, err := own(made, path)
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	remove := func() error {
		now, err := os.Lstat(path)
		if err != nil || !os.SameFile(ours, now) {
			return nil // gone already, or somebody else's
		}
		return os.Remove(path)
	}
	return l, remove, nil
}

// own gives a new socket its rights and its place.
func own(made, path string) (fs.FileInfo, error) {
	if err := os.Chmod(made, 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(made, path); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// mayReplace says whether a socket may be put at path: nothing is there, or a
// socket on which nobody listens.
func mayReplace(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%w: %s", ErrNotSocket, path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil // whoever listened is gone
	}
	return err
}
