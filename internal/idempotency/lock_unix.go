//go:build unix

package idempotency

import (
	"errors"
	"os"
	"syscall"
)

var errLocked = errors.New("another process holds it")

// lock takes a lock that ends with the process, however that ends. The file
// that is locked is another one, since the journal itself is replaced at times.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return f, nil
}
