// Package sim is a small world in virtual time, in which a limiter stands
// between clients and a service: the same limiter code that runs live, and the
// limiters that it is compared with.
//
// Everything happens in one loop over a heap of events. There is no goroutine,
// no clock and no sleep; chance comes from seeds alone, so that a run with the
// same scenario and the same seed gives the same result, to the last bit. What
// chance decides about a request (its class, its client, how long it takes the
// service, how long its client backs off) is a function of the seed and of the
// request's number, not of the order of events: two limiters are compared on
// the very same requests.
//
// The parts, and the file of each:
//
//	scenario.go, trigger.go   what is simulated, as plain data
//	dist.go, random.go        service times and chance
//	gate.go, attempt.go       what a limiter sees, and must do
//	world.go                  the loop
//	client.go                 arrivals, timeouts, retries, backoff, layers of callers
//	service.go                workers, the accept queue, pauses, restarts
//	heap.go                   the events in order of time
//	result.go, histogram.go   what is measured
//	ideal.go                  what the best limiter could have got
//
// The service does not notice when a client leaves: work for a request that
// nobody waits for any more is done all the same. That, with clients that try
// again, is what makes an overload stay after its cause has gone.
package sim
