package storm

import "time"

const (
	// A lone caller's next request is expected a little early, and tolerated
	// earlier still, by so much of the time between two and so many times what
	// that usually varies by.
	loneEarly   = 0.9
	loneSlack   = 0.25
	loneSpreads = 2
	// Where that leaves little that would be too early, what comes within an
	// eighth of that time after a failure is a retry: by chance it would be one
	// time in eight.
	soon = 8

	// Where many callers share a fingerprint, what exceeds the usual rate by so
	// much is retries, after so much slack for bursts: a time, and some requests.
	denseExcess = 1.15
	denseSpread = 0.75 // more, where the rate isn't known well
	denseSlack  = 200 * time.Millisecond
	denseBurst  = 8

	onlyRetries = int64(10 * time.Second) // so long, all that look alike may be retries of one request
)

// pace is what a rhythm explains after a failure: arrivals that conform to it
// are no retries. It is the generic cell rate algorithm (ITU-T I.371): next is
// when the next arrival is due; one that comes earlier than that by more than
// the slack exceeds the pace.
type pace struct {
	next  int64
	every time.Duration // 0: there is no rhythm, and nothing is explained
	slack time.Duration
}

// set takes over a rhythm, after a request that came at since has failed.
func (p *pace) set(now, since int64, usual rhythm) {
	if usual.every == 0 {
		return
	}
	if p.every == 0 {
		p.next = max(now, since+int64(loneEarly*float64(usual.every)))
	}
	if usual.dense() {
		p.every = time.Duration(float64(usual.every) / (denseExcess + denseSpread*float64(usual.spread)/float64(usual.every)))
		p.slack = denseSlack + denseBurst*usual.every
		return
	}
	p.every = time.Duration(loneEarly * float64(usual.every))
	p.slack = time.Duration(loneSlack*float64(usual.every)) + loneSpreads*usual.spread
}

// dense says that more than one a second come by themselves: the fingerprint
// is shared by many callers, or by many requests of one.
func (p *pace) dense() bool { return p.every > 0 && p.every < time.Second*9/10 }

// explains says whether an arrival conforms, after a failure at failed.
func (p *pace) explains(now, failed int64) bool {
	if p.every == 0 || now < p.next-int64(p.slack) {
		return false
	}
	if !p.dense() && p.slack > p.every/2 && now-failed < int64(p.every)/soon {
		return false
	}
	p.next = max(p.next, now) + int64(p.every)
	return true
}

// learn is what the rhythm may learn while nothing has succeeded for some time.
// A lone caller's retries would spoil it. The rate of many may have changed by
// itself, which must become the usual one in the end, or first attempts would
// be called retries for as long as something fails; so must what was never seen
// to be well, once it has come for longer than retries of one request would.
func (p *pace) learn(failing int64) learn {
	switch {
	case p.every == 0 && failing > onlyRetries:
		return learnMany
	case p.every == 0:
		return learnNothing
	case p.dense():
		return learnSlowly
	}
	return learnAll
}
