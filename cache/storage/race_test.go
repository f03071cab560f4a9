//go:build race

package storage

// raceDetector: it multiplies memory and time.
const raceDetector = true
