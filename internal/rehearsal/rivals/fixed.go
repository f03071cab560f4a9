package rivals

import (
	"math"
	"slices"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// fixed is a limit that doesn't move.
type fixed struct {
	untimed
	n int
}

func (f fixed) limit() int { return f.n }
func (fixed) learn(sample) {}

// None lets everything through. Its limit is plotted as 0.
func None(w *sim.World) sim.Gate {
	return unlimited{newGate(w, fixed{n: math.MaxInt})}
}

type unlimited struct{ sim.Gate }

func (unlimited) Limit() float64 { return 0 }

// Fixed returns a gate with a limit of n, as HAProxy's maxconn or nginx's
// limit_conn have it.
func Fixed(n int) sim.NewGate {
	return func(w *sim.World) sim.Gate { return newGate(w, fixed{n: n}) }
}

// Candidates returns the fixed limits among which an oracle that knows the
// service finds the best one: as many as there are workers, up to four times
// as many, and a few more for services with few workers. They rise.
func Candidates(workers int) []int {
	all := []int{workers + 1, workers + 2, workers + 4}
	for _, factor := range []float64{1, 1.1, 1.25, 1.5, 2, 3, 4} {
		all = append(all, int(math.Round(factor*float64(workers))))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
