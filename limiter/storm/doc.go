// Package storm watches the retries that clients make of requests to one
// service, and bounds them while it is congested.
//
// It knows nothing of HTTP, does no I/O, starts no goroutine and reads no
// clock: each call is told the time, so the same code runs in a proxy, in a
// simulator and in tests in virtual time. A [Detector] is told of each request
// when it arrives, says whether it may go on, and is told what came of it:
//
//	d.Arrive(now, &r)            // r.Attempt is known now
//	if !d.Admit(now, &r) {       // a retry too many
//		told := d.Answer(now, &r)
//		d.End(now, &r, storm.Shed)
//	}
//	...
//	d.End(now, &r, storm.Useful)
//
// A retry is known by its own word, or by being the same as an attempt that
// did not succeed. Whoever repeats a request anyway is told apart by the rhythm
// that it had while all was well.
//
// A detector takes 27 KiB until the first request, and at most 210 KiB while all
// is well: 60 to 120 for what is counted, by the number of processors, and up to
// 128 for the rhythms of many fingerprints. What failed is remembered in up to
// 640 KiB more, as much as there is of it, return slots take 80 and clients'
// patience 16; all three are given back a minute after. That is the most that
// it ever takes: nothing is allocated for a request. While nothing fails it
// costs a request 27 to 32 ns, alike or not.
//
//	request.go   a request as the detector sees it, and what it is told
//	detector.go  a request's way: Arrive, Admit, Answer, End
//	roll.go      what follows four times a second
//	counts.go    what happened lately, by class and client
//	recall.go    which attempt an arrival is
//	memory.go    fingerprints of attempts that did not succeed
//	failures.go  where these are, without a lock for those that aren't
//	rhythm.go    how often a fingerprint comes while all is well
//	rhythms.go   of which fingerprints that is remembered
//	pace.go      what that explains after a failure, and what it doesn't
//	state.go     calm, watch, storm, recovering
//	priority.go  whose retries are bounded
//	budget.go    how many retries are admitted while congested
//	slots.go     when those who are refused may come back
//	usual.go     how long useful answers take
//	patience.go  how long clients wait before they give up
//	status.go    what people are told
package storm
