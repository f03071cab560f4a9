package limiter

import (
	"math"
	"time"
)

const (
	pauseLeast = int64(20 * time.Millisecond)
	pauseShare = 0.2                     // of the time; more stalling than that is overload
	pauseSpan  = int64(10 * time.Second) // in which that is forgotten
	usualGain  = 0.05
)

// pauses sees when a service stands still: a collector that stops the world
// delays all that is inflight at once, which has nothing to do with how much
// that is. The time is taken out of the latencies of all that were delayed. A
// service that has become slow stands still too, once, for its first answers:
// of the latencies that follow little is taken, so it isn't hidden.
type pauses struct {
	off     map[string]bool
	latest  [4]pause
	n       int
	lastEnd int64   // when something last came back
	usual   float64 // latency lately, in ns

	stood   float64 // lately, in ns
	counted int64   // when that was
}

// pause is a time in which nothing came back.
type pause struct{ from, to int64 }

// ended notes that a permit came back while so many were inflight.
func (p *pauses) ended(now int64, inflight int, latency float64) {
	if p.usual == 0 {
		p.usual = latency
	}
	p.usual += (latency - p.usual) * usualGain
	from := p.lastEnd
	p.lastEnd = now
	gap := now - from
	if gap < pauseLeast || float64(gap) < p.usual*(1+8/float64(inflight)) || p.off["pause"] {
		return
	}
	p.stood = p.stood*math.Exp(-float64(now-p.counted)/float64(pauseSpan)) + float64(gap)
	p.counted = now
	if p.stood > pauseShare*float64(pauseSpan) {
		return // so often that it is the service's nature
	}
	p.latest[p.n%len(p.latest)] = pause{from, now}
	p.n++
}

// since is how much of the time since then the service stood still.
func (p *pauses) since(then int64) int64 {
	sum := int64(0)
	for _, x := range p.latest {
		if x.to > then {
			sum += x.to - max(x.from, then)
		}
	}
	return sum
}
