package rivals

import (
	"math"
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// envoy compares the median of each tenth of a second with the minimum round
// trip time, which it measures again each minute with the limit pinned at 3.
//
// Reference: Envoy's adaptive concurrency filter, gradient controller:
// gradient clamp(1.25·minRTT/p50, 0.5, 2), plus the square root of the limit,
// 3 to 1000 (here Ceiling); windows of 0.1 s; minRTT from 50 requests, each 60 s
// with 15% jitter, and at once after five windows in a row at the floor.
type envoy struct {
	n        int
	deferred int // the limit before the probe; 0 outside of one
	epoch    time.Duration
	minRTT   time.Duration
	samples  []time.Duration
	atFloor  int

	nextWindow, nextProbe time.Duration
	chance                chance
}

const (
	envoyFloor    = 3
	envoyWindow   = 100 * time.Millisecond
	envoyProbe    = 60 * time.Second
	envoyRequests = 50
)

// Envoy returns the rule.
func Envoy(w *sim.World) sim.Gate {
	return newGate(w, &envoy{n: envoyFloor, chance: chance{w.Scenario().Seed}})
}

func (e *envoy) limit() int { return e.n }

func (e *envoy) tick(now time.Duration) time.Duration {
	if now >= e.nextProbe && e.deferred == 0 {
		e.probe(now)
	}
	if now >= e.nextWindow {
		e.nextWindow = now + envoyWindow
		if e.deferred == 0 && len(e.samples) > 0 {
			e.update(now)
		}
	}
	if e.deferred > 0 {
		return e.nextWindow
	}
	return min(e.nextWindow, e.nextProbe)
}

// probe pins the limit until 50 requests have been measured.
func (e *envoy) probe(now time.Duration) {
	e.deferred = e.n
	e.set(envoyFloor)
	e.samples = e.samples[:0]
	e.epoch = now
}

func (e *envoy) learn(s sample) {
	if s.start < e.epoch {
		return
	}
	e.samples = append(e.samples, s.latency)
	if e.deferred == 0 || len(e.samples) < envoyRequests {
		return
	}
	e.minRTT = e.median()
	before := e.deferred
	e.set(before)
	e.deferred = 0
	e.nextProbe = s.now + time.Duration(float64(envoyProbe)*(1+0.15*e.chance.next()))
	e.nextWindow = s.now + envoyWindow
}

func (e *envoy) update(now time.Duration) {
	gradient := 1.25 * float64(e.minRTT) / float64(e.median())
	raised := float64(e.n) * max(0.5, min(2, gradient))
	e.set(max(envoyFloor, min(Ceiling, int(raised+math.Sqrt(raised)))))
	if e.atFloor >= 5 {
		e.nextProbe = now
	}
}

// set changes the limit, and counts how often in a row it stayed at the floor.
func (e *envoy) set(n int) {
	if e.deferred == 0 && e.n == envoyFloor && n == envoyFloor {
		e.atFloor++
	} else {
		e.atFloor = 0
	}
	e.n = n
}

// median returns the median sample, and forgets all of them.
func (e *envoy) median() time.Duration {
	slices.Sort(e.samples)
	m := e.samples[(len(e.samples)-1)/2]
	e.samples = e.samples[:0]
	return m
}
