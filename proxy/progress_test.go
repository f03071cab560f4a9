package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRungProgressIsLeftAlone: over HTTP/2, a timer that has rung may be about to
// look at the transfer, whatever that has come to meanwhile: its exchange's memory
// is nobody else's.
func TestRungProgressIsLeftAlone(t *testing.T) {
	const limit = time.Second
	for name, c := range map[string]struct {
		transfer func(g *progress)
		want     bool
	}{
		"in time": {func(g *progress) {
			for range 3 {
				g.before()
				time.Sleep(limit - 1)
				g.after()
				time.Sleep(2 * limit)
			}
		}, true},
		"in time, one before the other's end": {func(g *progress) {
			for range 3 {
				g.before()
				time.Sleep(limit - 1)
			}
		}, true},
		"late":               {func(g *progress) { g.before(); time.Sleep(limit); g.after() }, false},
		"late, and goes on":  {func(g *progress) { g.before(); time.Sleep(limit); g.before() }, false},
		"late, and in time":  {func(g *progress) { g.before(); time.Sleep(limit); g.after(); g.before() }, false},
		"late at the end":    {func(g *progress) { g.before(); time.Sleep(limit) }, false},
		"nothing to be late": {func(*progress) {}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := &exchange{}
			g := &x.out.guard
			g.h2, g.limit, g.set = true, limit, func(time.Time) error { return nil }
			c.transfer(g)
			if g.end(); x.untouched() != c.want {
				t.Errorf("%s: untouched %v, want %v", name, !c.want, c.want)
			}
		})
	}
}
