package proxy

import (
	"net/http"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// requestTimeout is the time that a whole request may take: the smallest of
// the route's and the client's. False: there is no such limit.
func requestTimeout(own, client time.Duration, hasClient bool) (time.Duration, bool) {
	if hasClient && (own <= 0 || client < own) {
		return client, true
	}
	return own, own > 0
}

// passDeadline tells the upstream how much time is left, in the dialects that
// the client used and always in Envoy's. What the client said itself is
// replaced: it was true when it was sent.
func (o *ownFields) passDeadline(in http.Header, named string, left time.Duration, has bool) {
	if !has {
		o.drop(signals.EnvoyTimeoutHeader)
		if named != "" {
			o.drop(named)
		}
		return
	}
	ms := o.values.Number(max(left.Milliseconds(), 1))
	o.set(signals.EnvoyTimeoutHeader, ms)
	if _, ok := in[signals.GRPCTimeoutHeader]; ok || isGRPC(in) {
		o.set(signals.GRPCTimeoutHeader, signals.FormatGRPCTimeout(left))
	}
	if named != "" {
		if v := in[named]; len(v) == 1 && !signals.AllDigits(v[0]) {
			ms += "ms" // in the form in which it came
		}
		o.set(named, ms)
	}
}
