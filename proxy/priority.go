package proxy

import (
	"net/http"
	"strconv"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
)

// The headers by which clients say that a request is a repeated one. They are
// believed from everybody: a retry waits behind first attempts, so nobody gains
// by claiming one, and a client that doesn't is taken for a first attempt anyway.
const (
	envoyAttemptHeader = "X-Envoy-Attempt-Count"      // from 1
	grpcAttemptHeader  = "Grpc-Previous-Rpc-Attempts" // those before, from 1
)

// maxAttempt is the highest attempt that is told apart.
const maxAttempt = 100

// attemptNumber is which attempt a request says it is: 1 for the first.
func attemptNumber(h http.Header) int {
	n := 1
	if v := h[envoyAttemptHeader]; len(v) == 1 {
		n = max(n, attemptCount(v[0]))
	}
	if v := h[grpcAttemptHeader]; len(v) == 1 {
		n = max(n, attemptCount(v[0])+1)
	}
	return min(n, maxAttempt)
}

// attemptCount reads a small number; what is none counts as absent.
func attemptCount(s string) int {
	if len(s) > 9 || !allDigits(s) {
		return 0
	}
	n, _ := strconv.Atoi(s)
	return n
}

// setPriority takes the priority from the header that trusted peers may set,
// or from the route.
func (x *exchange) setPriority(trusted bool) {
	x.priorityText, x.priority = x.route.cfg.Priority, x.route.priority
	if name := x.gen.priorityHeader; name != "" && trusted {
		if v := x.r.Header[name]; len(v) == 1 {
			if level, ok := config.ParsePriority(v[0]); ok {
				x.priorityText, x.priority = v[0], limiter.Priority(level)
			}
		}
	}
}

// passPriority tells the upstream the priority in force, in place of whatever
// the client said.
func passPriority(h http.Header, x *exchange) {
	if name := x.gen.priorityHeader; name != "" {
		x.values.set(h, name, x.priorityText)
	}
}
