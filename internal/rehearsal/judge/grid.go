package judge

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// The grid's values.
var (
	gridWorkers = []int{1, 4, 16, 64, 250, 1000}
	gridMeans   = []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	gridShapes  = []sim.Shape{sim.Fixed, sim.Exponential, sim.LogNormal, sim.Bimodal}
	gridLoads   = []float64{0.05, 0.3, 0.5, 0.7, 0.95, 1.3, 2, 5, 10}
	gridCourses = []Course{Steady, Surging, Diurnal}
	gridClients = []Behaviour{Patient, Naive, Resetting}
)

const factors = 6

// levels are how many values each factor has.
var levels = [factors]int{len(gridWorkers), len(gridMeans), len(gridShapes), len(gridLoads), len(gridCourses), len(gridClients)}

type point [factors]int

func (p point) cell() Cell {
	return Cell{
		Workers: gridWorkers[p[0]], Mean: gridMeans[p[1]], Shape: gridShapes[p[2]],
		Load: gridLoads[p[3]], Course: gridCourses[p[4]], Client: gridClients[p[5]],
	}
}

// points returns all points whose cells fit the scope, and how many don't.
func points(s Scope) (fit []point, left int) {
	var p point
	for {
		if _, _, ok := p.cell().cycle(s); ok {
			fit = append(fit, p)
		} else {
			left++
		}
		i := factors - 1
		for ; i >= 0; i-- {
			if p[i]++; p[i] < levels[i] {
				break
			}
			p[i] = 0
		}
		if i < 0 {
			return fit, left
		}
	}
}

// Full returns every cell of the grid that fits the scope, and how many don't.
func Full(s Scope) (cells []Cell, left int) {
	fit, left := points(s)
	for _, p := range fit {
		cells = append(cells, p.cell())
	}
	return cells, left
}

// Find returns the cell with a name.
func Find(name string) (Cell, bool) {
	all, _ := points(Scope{MaxCalls: math.MaxInt})
	for _, p := range all {
		if c := p.cell(); c.String() == name {
			return c, true
		}
	}
	return Cell{}, false
}

// Covering returns cells of the grid such that each combination of the values
// of any `strength` factors is in at least one of them, as far as a cell with
// it fits the scope: two for a quick look, three for the report. It is found
// greedily: each cell is the one that adds most among some tried at random,
// by the seed.
func Covering(s Scope, strength int, seed uint64) []Cell {
	fit, _ := points(s)
	sets := combinations(strength)
	missing := map[[factors]int8]bool{}
	for _, p := range fit {
		for _, set := range sets {
			missing[project(p, set)] = true
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	var cells []Cell
	for len(missing) > 0 {
		best, gain := point{}, 0
		for try := 0; try < 200 || gain == 0; try++ {
			p := fit[rng.IntN(len(fit))]
			if g := gainOf(p, sets, missing); g > gain {
				best, gain = p, g
			}
			// Few are missing: look at all of them.
			if try == 200 {
				for _, p := range fit {
					if g := gainOf(p, sets, missing); g > gain {
						best, gain = p, g
					}
				}
			}
		}
		for _, set := range sets {
			delete(missing, project(best, set))
		}
		cells = append(cells, best.cell())
	}
	return cells
}

func gainOf(p point, sets [][]int, missing map[[factors]int8]bool) int {
	n := 0
	for _, set := range sets {
		if missing[project(p, set)] {
			n++
		}
	}
	return n
}

// project keeps the values of some factors of a point.
func project(p point, set []int) [factors]int8 {
	key := [factors]int8{-1, -1, -1, -1, -1, -1}
	for _, f := range set {
		key[f] = int8(p[f])
	}
	return key
}

// combinations returns all sets of so many factors.
func combinations(size int) [][]int {
	var sets [][]int
	for bits := range 1 << factors {
		var set []int
		for f := range factors {
			if bits>>f&1 == 1 {
				set = append(set, f)
			}
		}
		if len(set) == size {
			sets = append(sets, set)
		}
	}
	return sets
}
