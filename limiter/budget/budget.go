// Package budget bounds retries by what succeeds.
//
// A bound on attempts for each request alone multiplies: three layers that each
// try three times send 27 times the load to a service that is failing, which is
// when it can take least. A [Budget] bounds them all together instead. Each
// success pays for a small part of a retry, so that a service that answers
// nobody is asked little more than its clients ask by themselves; a reserve
// lets upstreams with little traffic retry at all.
//
// It knows no HTTP and has no clock: each call is told the time.
package budget

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// memory is for how long, about, a success pays for retries: what was saved in
// a quiet hour must not be spent at once on a service that has just failed.
// The reserve saves as long.
const memory = 10 * time.Second

// Config says how much a budget allows.
type Config struct {
	// Percent is how many retries a hundred successes pay for. Below 0 counts as 0.
	Percent float64
	// MinPerSecond is how many retries a second the reserve pays for, up to ten
	// seconds' worth after a pause, and one at least. 0 or less: no reserve.
	MinPerSecond float64
}

// Budget is a token bucket that successes fill, a token being one retry, beside
// a small one that time fills. Over any run, with [Config.Burst] as the most
// that the reserve holds:
//
//	retries ≤ Percent/100 × successes + MinPerSecond × time + Burst
//
// where retries are the reservations that weren't returned. No concurrency
// overdraws it: whoever means to retry reserves first, and waits then. A retry
// that is waited for is so inside the budget as one that was sent.
//
// The first bucket leaks: it loses its contents with a time constant of ten
// seconds, so that at a steady rate it holds what ten seconds bring. A fixed
// capacity would be too small for a large service or a hoard for a small one.
//
// It is safe for concurrent use, takes no goroutine, and allocates nothing.
type Budget struct {
	cfg     Config
	reserve *rate.Limiter

	mu     sync.Mutex
	tokens float64   // in the first bucket
	at     time.Time // as of when
}

// New makes a budget. The first bucket is empty, the reserve full.
func New(cfg Config) *Budget {
	cfg.Percent, cfg.MinPerSecond = max(cfg.Percent, 0), max(cfg.MinPerSecond, 0)
	return &Budget{cfg: cfg, reserve: rate.NewLimiter(rate.Limit(cfg.MinPerSecond), cfg.Burst())}
}

// Burst is the most that the reserve holds, in retries.
func (c Config) Burst() int {
	if c.MinPerSecond <= 0 {
		return 0
	}
	return int(math.Ceil(max(1, c.MinPerSecond*memory.Seconds())))
}

// leak takes from the first bucket what time has taken until now, and returns
// the latest time there was: callers overtake each other, and a step back would
// let the reserve fill for the same time twice. b.mu must be held.
func (b *Budget) leak(now time.Time) time.Time {
	if d := now.Sub(b.at); d > 0 {
		b.tokens *= math.Exp(-float64(d) / float64(memory))
		b.at = now
	}
	return b.at
}

// Success pays for a part of a retry.
func (b *Budget) Success(now time.Time) {
	b.mu.Lock()
	b.leak(now)
	b.tokens += b.cfg.Percent / 100
	b.mu.Unlock()
}

// Reserve takes the price of a retry, if it is there. Whoever doesn't send the
// retry gives it back by Return.
func (b *Budget) Reserve(now time.Time) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.leak(now)
	if b.tokens >= 1 {
		b.tokens--
		return true
	}
	return b.reserve.AllowN(now, 1)
}

// Spare is Reserve for what can wait and that nobody waits for: it leaves half of
// what the reserve holds when it is full, so that retries find something.
func (b *Budget) Spare(now time.Time) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.leak(now)
	if b.tokens+max(b.reserve.TokensAt(now), 0)-1 < float64(b.cfg.Burst()/2) {
		return false
	}
	if b.tokens >= 1 {
		b.tokens--
		return true
	}
	return b.reserve.AllowN(now, 1)
}

// Return gives back what Reserve took for a retry that was never sent. It goes
// into the first bucket wherever it came from: what there is in all is the same,
// and the reserve fills by itself.
func (b *Budget) Return(now time.Time) {
	b.mu.Lock()
	b.leak(now)
	b.tokens++
	b.mu.Unlock()
}

// Left is how many retries there is budget for at now.
func (b *Budget) Left(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	now = b.leak(now)
	return b.tokens + max(b.reserve.TokensAt(now), 0)
}
