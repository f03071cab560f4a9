//go:build !unix

package idempotency

import "os"

// lock takes no lock here: nothing keeps two processes from writing one journal.
func lock(path string) (*os.File, error) {
	return os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
}
