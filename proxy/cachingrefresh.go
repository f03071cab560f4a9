package proxy

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/proxy/internal/clock"
)

const (
	// refreshAgain is how long after a refresh that was refused, or that failed,
	// the next is tried.
	refreshAgain = time.Second

	// refreshRoomless is how long after one whose answer there was no room for: that
	// is Levee's doing, and asking for it again soon would cost the upstream only.
	refreshRoomless = 10 * time.Second

	// earlyBeta is how early what is still fresh is refreshed: 1 is what keeps
	// the expected number of refreshes of a popular answer at about one.
	earlyBeta = 1
)

// putOff has a refresh for whose answer there is no room tried again much later.
func (f *fetch) putOff(now time.Time) {
	if f.background && f.old != nil {
		f.old.Policy.marks.refresh.Store(int64(clock.Since(now) + jittered(refreshRoomless)))
	}
}

// jittered is d, give or take half of it.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// isEarly says, by chance, whether a fresh answer is to be refreshed already.
func (t *cacheTurn) isEarly(v cache.Verdict) bool {
	cost := t.entry.Policy.cost
	if v.TTL > 64*cost { // too far off for any chance worth drawing
		return false
	}
	return cache.RefreshEarly(v.TTL, cost, earlyBeta, 1-rand.Float64())
}

// before says whether now is before a mark. 0 is none.
func before(now time.Time, mark int64) bool {
	return mark != 0 && clock.Since(now) < time.Duration(mark)
}

// refresh fetches anew, behind, what a request was answered with: one fetch a
// key at a time, and where it is refused, one later. It returns whether it tried:
// then the fetch knows of the exchange.
func (p *Proxy) refresh(x *exchange, now time.Time) (tried bool) {
	t := &x.turn
	m := t.entry.Policy.marks
	due := m.refresh.Load()
	if before(now, due) {
		return false
	}
	t.choose()
	key := t.fetchKey()
	if t.parts.fetches.Underway(key) {
		return false
	}
	// Of many who come at once, one.
	if !m.refresh.CompareAndSwap(due, int64(clock.Since(now)+jittered(refreshAgain))) {
		return false
	}
	reader, err := t.parts.fetches.Join(context.WithoutCancel(x.r.Context()), key, p.fetch(x, true))
	if err == nil {
		reader.Close()
	}
	return true
}
