package storm

import "time"

const (
	budgetSpan   = 2.0 // seconds of income that the bucket holds
	budgetLeast  = 2.0 // tokens a second that come in whatever happens: one second attempt, to see whether the service is back
	mostDoubling = 6   // attempt 7 and further ones cost what 7 does
	rateHalf     = float64(2 * time.Second)
)

// budget bounds the retries that are admitted while the service is congested,
// as a share of what it answers usefully. A first retry costs two tokens, each
// further one twice as much as the one before, and every useful answer brings
// in as much as lets the share of them be second attempts.
type budget struct {
	percent float64
	tokens  float64
	most    float64
	rate    float64 // useful completions a second, smoothed
}

// cost is what an attempt takes.
func cost(attempt int) float64 {
	return float64(int(1) << min(max(attempt-1, 0), mostDoubling))
}

// earn takes in what has happened in a time: useful completions, of which
// share percent may be followed by second attempts.
func (b *budget) earn(completions, seconds, share, prepaid float64) {
	income := max(2*share/100*completions, budgetLeast*seconds)
	b.most = max(2*share/100*b.rate, budgetLeast) * budgetSpan
	b.tokens = min(b.tokens+max(0, income-prepaid), b.most)
}

// take pays for an attempt of a client, if there is enough.
func (b *budget) take(attempt int, client uint64) (paid float64, ok bool) {
	price := cost(attempt)
	if b.tokens < price {
		return 0, false
	}
	b.tokens -= price
	return price, true
}

// refund gives back what an attempt took that was never made.
func (b *budget) refund(paid float64, client uint64) {
	b.tokens = min(b.tokens+paid, b.most)
}
