// Package storm watches the retries that clients make, and bounds them while
// the service is congested.
//
// It knows nothing of HTTP, does no I/O, starts no goroutine and reads no
// clock: each call is told the time. A [Detector] watches one service.
//
//	request.go   a request as the detector sees it, and what it is told
//	detector.go  a request's way: Arrive, Admit, Answer, End
//	counts.go    what happened lately, by class and client
//	state.go     calm, watch, storm, recovering
//	budget.go    how many retries are admitted while congested
//	slots.go     when those who are refused may come back
//	status.go    what people are told
package storm
