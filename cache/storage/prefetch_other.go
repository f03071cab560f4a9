//go:build !amd64 && !arm64

package storage

import "unsafe"

// prefetch does nothing where it isn't known how.
func prefetch(unsafe.Pointer, int) {}
