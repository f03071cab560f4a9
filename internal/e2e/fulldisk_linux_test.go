package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSnapshotOnAFullDisk: snapshots that find no room are counted and told once;
// the old one stays, and levee serves on. A disk is full for a process that may
// write files of so many bytes, and for one on a small file system.
func TestSnapshotOnAFullDisk(t *testing.T) {
	for _, kind := range []string{"a small file system", "a limit on the size of files"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			if kind == "a small file system" {
				if err := syscall.Mount("levee", folder, "tmpfs", 0, "size=256k"); err != nil {
					t.Skip("needs the right to mount: ", err)
				}
				t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
			}
			w := newWarm(t, filepath.Join(folder, "cache"), "1s")
			l := w.start()
			if kind != "a small file system" {
				limit := unix.Rlimit{Cur: 256 << 10, Max: 256 << 10}
				if err := unix.Prlimit(l.process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
					t.Skip("needs prlimit: ", err)
				}
			}
			if _, _, err := askNamed(http1(), l, "/small"); err != nil {
				t.Fatal(err)
			}
			eventually(t, 10*time.Second, "a small one is written", func() bool { return w.status(l).Writes > 0 })
			small := w.status(l).Answers
			w.askAll(l) // 600 KB
			eventually(t, 20*time.Second, "it was tried twice", func() bool { return w.status(l).Errors >= 2 })
			if n := w.askAll(l); n != 0 {
				t.Errorf("%d misses", n)
			}
			s := w.status(l)
			if s.LastError == "" || s.FailingSince.IsZero() || l.metric(`levee_cache_snapshot_writes_total{result="failure"}`) < 2 {
				t.Errorf("%+v", s)
			}
			if n := strings.Count(l.log.String(), "can't be written"); n != 1 {
				t.Errorf("told %d times:\n%s", n, l.log)
			}
			if code, text, err := get(l.admin, "/status"); err != nil || code != 200 || !strings.Contains(text, "can't be written") {
				t.Errorf("the status doesn't tell: %d %v\n%s", code, err, text)
			}
			l.stop(syscall.SIGTERM)
			l = w.start()
			if s := w.status(l); s.Restored != small || s.Ignored != "" {
				t.Errorf("after a restart %+v, want %d answers", s, small)
			}
			if beside, _ := filepath.Glob(w.file + ".writing-*"); len(beside) > 0 {
				t.Errorf("left behind: %v", beside)
			}
		})
	}
}
