package proxy

import (
	"net/http"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter/budget"
	"github.com/levee-proxy/levee/proxy/internal/latency"
)

// condition is what a retry may follow.
type condition uint8

const (
	noCondition condition = iota // an answer that a retry wouldn't better, or a failure that is the client's
	onConnectFailure
	onReset
	onRefusedStream
	onTryTimeout
	on429
	on500
	on502
	on503
	on504
	conditions
)

// conditionNames are the conditions as the configuration and metrics have them.
// The configuration has no word for the timeout of an attempt: whoever sets one
// wants it.
var conditionNames = [conditions]string{
	noCondition: "none", onConnectFailure: config.OnConnectFailure, onReset: config.OnReset, onRefusedStream: config.OnRefusedStream,
	onTryTimeout: "per-try-timeout", on429: "429", on500: "500", on502: "502", on503: "503", on504: "504",
}

// onStatus is the condition of an answer's status.
func onStatus(code int) condition {
	switch code {
	case http.StatusTooManyRequests:
		return on429
	case http.StatusInternalServerError:
		return on500
	case http.StatusBadGateway:
		return on502
	case http.StatusServiceUnavailable:
		return on503
	case http.StatusGatewayTimeout:
		return on504
	}
	return noCondition
}

// retryPolicy is what an upstream's configuration says about retries, with the
// budget that all of its requests share.
type retryPolicy struct {
	attempts  int // how many may follow the first
	on        [conditions]bool
	methods   map[string]bool
	bodyLimit int
	perTry    time.Duration // 0: none
	base, max time.Duration // of the backoff
	chains    bool          // retries may be retried

	hedges     bool
	hedgeAfter time.Duration    // 0: the 95th percentile
	latencies  *latency.Classes // by class; nil where nobody asks

	budget    *budget.Budget
	budgetCfg config.RetryBudget
	stats     *retryStats
}

// newRetryPolicy builds the policy of an upstream, nil where each request is
// sent once and may take its time. What old, which may be nil, has counted and
// learned is taken over; so is its budget, if it is to be the same.
func newRetryPolicy(cfg *config.Upstream, old *retryPolicy) *retryPolicy {
	r := &cfg.Retry
	after, p95, hedges := r.Hedge.Delay()
	p := &retryPolicy{
		attempts: cfg.RetryAttempts(), methods: map[string]bool{}, bodyLimit: int(r.BodyLimit), perTry: time.Duration(r.PerTryTimeout),
		base: time.Duration(r.Backoff.Base), max: time.Duration(r.Backoff.Max), chains: r.RetryRetries,
		hedges: hedges, hedgeAfter: after, budgetCfg: r.Budget,
	}
	if p.attempts == 0 && !p.hedges && p.perTry == 0 {
		return nil
	}
	for _, m := range r.SafeMethods() {
		p.methods[m] = true
	}
	p.on[onTryTimeout] = true
	for _, name := range r.Conditions() {
		for c, n := range conditionNames {
			p.on[c] = p.on[c] || n == name
		}
	}
	if old != nil {
		p.stats, p.latencies = old.stats, old.latencies
		if old.budgetCfg == p.budgetCfg {
			p.budget = old.budget
		}
	}
	if p.stats == nil {
		p.stats = &retryStats{}
	}
	if p.latencies == nil && p95 {
		p.latencies = latency.NewClasses()
	}
	if p.budget == nil {
		p.budget = budget.New(budget.Config{Percent: r.Budget.Percent, MinPerSecond: r.Budget.MinPerSecond})
	}
	return p
}

// policyOf is u's, which may be nil.
func (u *Upstream) policyOf() *retryPolicy {
	if u == nil {
		return nil
	}
	return u.retries
}
