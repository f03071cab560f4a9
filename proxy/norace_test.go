//go:build !race

package proxy

// raceDetector says that these tests run with the race detector.
const raceDetector = false
