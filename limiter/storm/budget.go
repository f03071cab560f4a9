package storm

const (
	budgetSpan   = 2.0 // seconds of income that the bucket holds
	budgetLeast  = 2.0 // tokens a second that come in whatever happens: one second attempt, to see whether the service is back
	mostDoubling = 6   // attempt 7 and further ones cost what 7 does, or all that the bucket holds

	// A client may have spent so many times its even share, in quarters, while
	// others ask and less than half of the bucket is left: equals differ by chance.
	unfairly = 5
	asking   = 0.5 // what is left of having asked, 2 s later
)

// budget bounds the retries that are admitted while the service is congested,
// as a share of what it answers usefully: a token bucket that is refilled by
// successes, so that it dries up in an outage. A second attempt costs two
// tokens, each further one twice as much as the one before; a useful answer
// brings in as much as lets the share of them be second attempts. So the share
// holds whatever the mix of attempts, and who has failed often gives way to who
// has failed once.
type budget struct {
	tokens float64
	most   float64
	debt   float64 // tokens promised to those who return, which the next income pays
	rate   float64 // useful completions a second, smoothed

	spent [clientSlots]float32 // lately, by client
	asked [clientSlots]float32 // 1: just now; it fades
	all   float32              // spent by all
	ask   float32              // how many clients ask
}

// price is what an attempt costs.
func price(attempt int) float64 {
	return float64(int(1) << min(max(attempt-1, 0), mostDoubling))
}

// affordable is what an attempt costs, at most all that the bucket holds when it
// is full. A client that has failed often is let in when nobody else has asked
// for as long as that takes, and no more is let in by that: if it never could
// be, it would be lost to the service for good.
func (b *budget) affordable(cost float64) float64 {
	return min(cost, max(b.most, budgetLeast*budgetSpan))
}

// earn takes in the income of some seconds in which so much was completed
// usefully, share percent of which may be followed by second attempts. What was
// saved up while all was well isn't spent on a service that is down.
func (b *budget) earn(completions, seconds, share float64, down bool) {
	income := max(2*share/100*completions, budgetLeast*seconds)
	paid := min(b.debt, income)
	b.debt -= paid
	b.most = budgetLeast * budgetSpan
	if !down {
		b.most = max(b.most, 2*share/100*b.rate*budgetSpan)
	}
	b.tokens = min(b.tokens+income-paid, b.most)
}

// owe says that so many are due who were promised to be admitted.
func (b *budget) owe(promises float64) { b.debt += 2 * promises }

// forgive drops the debt: nothing is shed any more, and those who were promised
// to be admitted aren't to keep the others waiting until all are let in at once.
func (b *budget) forgive() { b.debt = 0 }

// lapse gives back what was set aside for promises that nobody claimed.
func (b *budget) lapse(promises float64) {
	back := 2 * promises
	paid := min(b.debt, back)
	b.debt -= paid
	b.refund(back-paid, 0)
}

// fade lets what clients have spent count less, by a factor.
func (b *budget) fade(by float32) {
	b.all, b.ask = 0, 0
	for i := range b.spent {
		b.spent[i] *= by
		b.asked[i] *= by
		b.all += b.spent[i]
		if b.asked[i] >= asking {
			b.ask++
		}
	}
}

// take pays for a retry of a client, if there is enough for it and the client
// hasn't spent much more than others who ask.
func (b *budget) take(cost float64, client uint64) bool {
	if client == 0 {
		if b.tokens < cost {
			return false
		}
		b.tokens -= cost
		return true
	}
	i := clientSlot(client)
	if b.asked[i] < asking {
		b.ask++
	}
	b.asked[i] = 1 // however often: who has left must not keep a share
	if b.tokens < cost || b.heavy(i) {
		return false
	}
	b.tokens -= cost
	b.spent[i] += float32(cost)
	b.all += float32(cost)
	return true
}

// heavy says whether a client has spent more than its share, by far.
func (b *budget) heavy(i int) bool {
	if b.ask < 2 || b.tokens >= b.most/2 {
		return false
	}
	return b.spent[i]*4*b.ask > max(2*4*b.ask, unfairly*b.all)
}

// refund gives back what was paid for an attempt that was not made.
func (b *budget) refund(paid float64, client uint64) {
	b.tokens = min(b.tokens+paid, max(b.most, b.tokens))
	if client == 0 {
		return
	}
	i := clientSlot(client)
	back := min(float32(paid), b.spent[i])
	b.spent[i] -= back
	b.all -= min(back, b.all)
}
