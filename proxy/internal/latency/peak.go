// Package latency keeps what is known of how long answers take: an average that
// tells a slow endpoint from others, and the percentile after which a hedge begins.
package latency

import (
	"math"
	"sync"
	"time"
)

// decayTime is the time constant of the latency average: after so long
// without a sample, an old one counts for a third.
const decayTime = 10 * time.Second

// Peak is a moving average that jumps to a higher sample at once and comes
// down from it slowly: the balancer must notice a slow endpoint on its first
// slow answer, and forgive it later (Finagle's Peak EWMA). Without samples it
// decays towards zero, so that an endpoint which nobody asks any more gets
// asked again. The zero value has no samples.
type Peak struct {
	mu    sync.Mutex
	value float64 // seconds
	at    time.Time
}

// Observe adds a sample taken at now.
func (e *Peak) Observe(now time.Time, sample time.Duration) {
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

// AtLeast adds what is only known to have taken longer than that, at now: it is no
// reason to think of the endpoint as quicker.
func (e *Peak) AtLeast(now time.Time, least time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decay(now)
	e.value = max(e.value, least.Seconds())
}

// sampleWeight is how far a lower sample pulls the average down at once, apart
// from the decay by time.
const sampleWeight = 0.05

// Get returns the average at now, in seconds; 0 without samples.
func (e *Peak) Get(now time.Time) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decay(now)
	return e.value
}

// Take makes the average what another one is at now.
func (e *Peak) Take(from *Peak, now time.Time) {
	value := from.Get(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.value, e.at = value, now
}

// decayStep is the least time after which the average fades: in less, it would by
// less than a ten thousandth, which is not worth an exponential for each sample.
const decayStep = decayTime / 10_000

func (e *Peak) decay(now time.Time) {
	if dt := now.Sub(e.at); dt > decayStep {
		if e.value > 0 {
			e.value *= math.Exp(-float64(dt) / float64(decayTime))
		}
		e.at = now
	}
}
