package proxy

import (
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter/budget"
)

// refreshBudget is what refreshes of cached answers are paid from: one token a
// refresh, out of the budget of its upstream's retries.
//
// A refresh that succeeds gives its token back. It stands for a request that was
// answered from the cache, so an upstream that answers is asked no more than
// without a cache, and what bounds it is the limiter. What fails is paid for: an
// upstream in trouble is asked by refreshes and retries together what its
// successes and the reserve pay for, however many cached answers are stale.
// And since what is under way holds its tokens, refreshes begin with a few at a
// time, and become more as they succeed.
type refreshBudget struct {
	*budget.Budget
	own bool // not that of retries: there is none, or it holds nothing
	cfg config.RetryBudget

	succeeded, failed, unpaid, crowded atomic.Uint64
}

// newRefreshBudget is that of an upstream with these retries, which may be nil.
// What old has is taken over where it is to be the same.
func newRefreshBudget(cfg *config.Upstream, retries *retryPolicy, old *Upstream) *refreshBudget {
	b := &refreshBudget{cfg: cfg.Retry.Budget}
	if b.cfg.Percent == 0 && b.cfg.MinPerSecond == 0 {
		// Whoever wants no retries may want a cache: its refreshes are bounded as if
		// nothing had been written.
		b.cfg = config.RetryBudget{Percent: 10, MinPerSecond: 1}
		b.own = true
	}
	if retries == nil {
		b.own = true
	}
	switch {
	case !b.own:
		b.Budget = retries.budget
	case old != nil && old.refreshes.own && old.refreshes.cfg == b.cfg:
		b.Budget = old.refreshes.Budget
	default:
		b.Budget = budget.New(budget.Config{Percent: b.cfg.Percent, MinPerSecond: b.cfg.MinPerSecond})
	}
	if old != nil {
		for to, from := range map[*atomic.Uint64]*atomic.Uint64{
			&b.succeeded: &old.refreshes.succeeded, &b.failed: &old.refreshes.failed,
			&b.unpaid: &old.refreshes.unpaid, &b.crowded: &old.refreshes.crowded,
		} {
			to.Store(from.Load())
		}
	}
	return b
}

// RefreshStatus counts refreshes of cached answers since the upstream was first
// seen.
type RefreshStatus struct {
	// Succeeded and Failed are those that were sent, by what came of them.
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	// Unpaid are those for which there was no budget, Crowded those for which the
	// upstream had no permit free, or the cache no room for the answer: they are
	// tried later.
	Unpaid  uint64 `json:"unpaid"`
	Crowded uint64 `json:"crowded"`
}

// status is nil where no refresh was due.
func (b *refreshBudget) status() *RefreshStatus {
	s := &RefreshStatus{b.succeeded.Load(), b.failed.Load(), b.unpaid.Load(), b.crowded.Load()}
	if *s == (RefreshStatus{}) {
		return nil
	}
	return s
}

// pay takes the price of a refresh.
func (f *fetch) pay(now time.Time) bool {
	b := f.x.route.upstream.refreshes
	if !b.Spare(now) {
		b.unpaid.Add(1)
		return false
	}
	f.paid = b
	return true
}

// payBack settles the price, once it is known what came of the refresh.
func (f *fetch) payBack(sent, succeeded bool) {
	b, now := f.paid, time.Now()
	if b == nil {
		return
	}
	f.paid = nil
	switch {
	case !sent || f.into.nobody: // neither is the upstream's fault
		b.crowded.Add(1)
		b.Return(now)
	case succeeded:
		b.succeeded.Add(1)
		b.Return(now)
		if b.own { // otherwise its attempt has paid, as any
			b.Success(now)
		}
	default:
		b.failed.Add(1)
	}
}
