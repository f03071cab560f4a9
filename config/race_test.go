//go:build race

package config

// raceDetector says that these tests run with the race detector.
const raceDetector = true
