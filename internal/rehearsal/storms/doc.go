// Package storms plays retry storms in the simulator: a service that gets into
// trouble for a few seconds, and clients of many kinds that try again. It
// measures what becomes of them without Levee, with its limiter alone and with
// everything, and writes docs/storm-results.md.
//
//	scenarios.go  what is played
//	arms.go       what stands between the clients and the service
//	measure.go    what one run is worth
//	bars.go       what it must be worth
//	report.go     the document
//	figures.go    its plots
package storms
