package sim

import "math"

// random is a splitmix64 generator: eight bytes of state, and the same numbers
// on every machine and with every version of Go.
type random struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// next returns a number in [0, 1).
func (r *random) next() float64 {
	r.state += golden
	return unit(mix(r.state))
}

// exponential returns a number with mean 1.
func (r *random) exponential() float64 { return -math.Log1p(-r.next()) }

func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// What a drawn number is for: each use has its own stream.
const (
	drawClass = iota + 1
	drawClient
	drawDemand
	drawDependency
	drawBackoff
	drawTarget
)

// draw returns a number in [0, 1) that depends on the seed, the request, its
// attempt and the use alone.
func draw(seed, request uint64, try, use int) float64 {
	x := mix(seed + golden*request)
	return unit(mix(x + golden*uint64(try*8+use)))
}
