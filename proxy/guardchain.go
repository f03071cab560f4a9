package proxy

import "github.com/levee-proxy/levee/proxy/internal/signals"

// guardedHeader tells the Levees behind a guard that the upstream is to get this
// keyed request once: to them the key alone would be leave to send it again.
//
// It is believed from everybody, and passed on. A client that makes it up, with a
// key, does without retries of its own requests, and gains nothing.
const guardedHeader = "Levee-Guarded"

// passGuard tells it of a request that is guarded here.
func (o *ownFields) passGuard(x *exchange) {
	if x.run != nil {
		o.put(guardedHeader, trueValues)
	}
}

// isGuarded says whether the request must not be sent again where it may have been
// processed, because a guard's word is that the upstream gets it once: this
// Levee's, or that of one in front.
func (x *exchange) isGuarded() bool {
	return x.run != nil || x.r.Header[guardedHeader] != nil && x.r.Header[signals.IdempotencyKeyHeader] != nil
}
