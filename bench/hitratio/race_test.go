//go:build race

package main

// raceDetector: it multiplies memory and time.
const raceDetector = true
