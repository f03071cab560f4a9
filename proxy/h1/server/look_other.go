//go:build !linux

package server

// look: here it can't be told without reading.
func (w *wire) look() (half, gone bool) { return w.lookByMethod() }
