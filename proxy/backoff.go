package proxy

import (
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// fullJitter spreads a pause over everything from none to its ceiling. What has
// failed together must not come back together, and of all ways to spread, this
// one makes the fewest collisions for the same time in all.
const fullJitter = 1

// newBackoff gives pauses before retries: each from none to a ceiling, which
// is base at first, doubles, and stays at most.
func newBackoff(base, most time.Duration) backoff.BackOff {
	return backoff.NewExponentialBackOff(
		// Spread by all of it to both sides, half the ceiling becomes anything up to the ceiling.
		backoff.WithInitialInterval(base/2),
		backoff.WithMaxInterval(most/2),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(fullJitter),
		backoff.WithMaxElapsedTime(0),
	)
}

// longestAdvice is how long a request waits at most because its upstream asked
// for it, however late its deadline is: that may be its client's word, and what
// waits here is bounded by nothing else. For longer ones, the client is told.
const longestAdvice = 10 * time.Second

// pauseFor is how long to wait before a retry, with so much time left until the
// deadline, if there is one. What the answer asks for goes first, with the
// jitter on top, since all others were told the same. A pause of our own is cut
// to half of what is left, so that there is time for the answer. False: there
// is no time.
func pauseFor(jitter time.Duration, a signals.Advice, left time.Duration, has bool) (time.Duration, bool) {
	if has && left <= 0 {
		return 0, false
	}
	if !a.Waits {
		if has {
			jitter = min(jitter, left/2)
		}
		return jitter, true
	}
	if !has {
		left = longestAdvice + 1
	}
	if a.After >= left || a.After > longestAdvice {
		return 0, false
	}
	if a.Exactly {
		jitter = 0
	}
	return a.After + min(jitter, (left-a.After)/2), true
}
