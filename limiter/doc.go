// Package limiter decides how many requests may be inflight at a service at
// once, which wait for their turn, and which are refused. It learns the limit
// from latency and needs no tuning.
//
// It knows nothing of HTTP, does no I/O and reads no clock: each call is told
// the time, as [golang.org/x/time/rate.Limiter.AllowN] is, so the same code runs
// in a proxy, in a simulator and in tests in virtual time. A [Limiter] holds
// one lock, briefly; it starts no goroutine.
//
// A request's way: [Limiter.Acquire] admits it, queues it or sheds it. One that
// was queued hears by its Notify function what became of it. Whoever was
// admitted calls [Limiter.End] exactly once, with what came of it.
//
//	limiter.go     the lock, admission, the end of a permit
//	notices.go     calls of Notify that are due once the lock is free
//	waiter.go      a request as the limiter sees it
//	try.go         admission without a wait
//	queue.go       where requests wait, and who goes first
//	fairness.go    who among the clients takes more than its share
//	group.go       what is limited together: all classes, or one alone
//	apart.go       when a class that is slow alone is limited alone
//	controller.go  how the limit moves, rule by rule
//	known.go       how wide the service is, from calm times
//	fit.go         how wide and how slow the service is, from few measurements
//	abandoned.go   requests that nobody waits for, but the service works on
//	window.go      what was measured since the limit last moved
//	baseline.go    what latency is without queueing, class by class
//	curve.go       what a wait makes of latencies, for many at once
//	counts.go      what was admitted and shed, in all and lately
//	status.go      what people are told
//	state.go       what is handed on to the next limiter of a service
package limiter
