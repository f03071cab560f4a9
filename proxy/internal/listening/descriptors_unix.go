//go:build unix

package listening

import "golang.org/x/sys/unix"

// descriptorLimit is the process's soft limit of open files, which Go's
// runtime raises to the hard one at start; 0 if unknown.
func descriptorLimit() int64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return int64(min(r.Cur, 1<<30))
}
