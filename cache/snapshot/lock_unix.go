//go:build unix

package snapshot

import (
	"os"
	"syscall"
)

// lock marks a file as one that is being written, until the process ends, however
// it ends, or the file is closed. It fails if another one has it.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
