package proxy

import (
	"math"
	"sync"
	"time"
)

// latencyDecay is the time constant of the latency average: after so long
// without a sample, an old one counts for a third.
const latencyDecay = 10 * time.Second

// peakEWMA is a moving average that jumps to a higher sample at once and comes
// down from it slowly: the balancer must notice a slow endpoint on its first
// slow answer, and forgive it later (Finagle's Peak EWMA). Without samples it
// decays towards zero, so that an endpoint which nobody asks any more gets
// asked again.
type peakEWMA struct {
	mu    sync.Mutex
	value float64 // seconds
	at    time.Time
}

// observe adds a sample taken at now.
func (e *peakEWMA) observe(now time.Time, sample time.Duration) {
	s := sample.Seconds()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decay(now)
	if s >= e.value {
		e.value = s
		return
	}
	e.value += (s - e.value) * sampleWeight
}

// sampleWeight is how far a lower sample pulls the average down at once, apart
// from the decay by time.
const sampleWeight = 0.05

// get returns the average at now, in seconds.
func (e *peakEWMA) get(now time.Time) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decay(now)
	return e.value
}

func (e *peakEWMA) decay(now time.Time) {
	if dt := now.Sub(e.at); dt > 0 {
		if e.value > 0 {
			e.value *= math.Exp(-float64(dt) / float64(latencyDecay))
		}
		e.at = now
	}
}
