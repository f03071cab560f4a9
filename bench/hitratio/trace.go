package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
)

// trace is what is asked for, one key after the other.
type trace struct {
	name   string
	keys   []uint32
	weight func(key uint32) int64 // what a key's answer takes in the cache
	size   func(key uint32) int   // the bytes of its body
}

// scale is how long traces are, and of how many keys.
type scale struct{ requests, keys int }

var standard = scale{requests: 500_000, keys: 100_000}

// traces are the ones that are played. Popularity follows Zipf's law, with the
// exponents that are seen at web caches and beyond; scans are crawlers and
// backups, which ask once for everything there is; and what is popular may change.
func traces(s scale) []trace {
	sizes := []int{512, 2 << 10, 8 << 10, 32 << 10}
	var all []trace
	add := func(name string, keys []uint32, size func(uint32) int) {
		weights := weights(append(sizes, 1<<10))
		all = append(all, trace{name, keys, func(k uint32) int64 { return weights[size(k)] }, size})
	}
	alike := func(uint32) int { return 1 << 10 }
	// Small answers are more common than large ones: 8, 4, 2 and 1 of 15.
	mixed := func(k uint32) int {
		n := k * 2654435761 >> 16 % 15
		return sizes[3-int(math.Log2(float64(n+1)))]
	}
	for i, exponent := range []float64{0.8, 1.0, 1.2} {
		chance := rand.New(rand.NewPCG(uint64(i), 1))
		add(fmt.Sprintf("Zipf %.1f, 1 KiB each", exponent), zipf(chance, s, exponent), alike)
	}
	chance := rand.New(rand.NewPCG(7, 1))
	add("Zipf 1.0, 512 B to 32 KiB", zipf(chance, s, 1), mixed)
	add("Zipf 1.0 with scans, 1 KiB each", withScans(zipf(chance, s, 1), s), alike)
	add("Zipf 1.0 with scans, 512 B to 32 KiB", withScans(zipf(chance, s, 1), s), mixed)
	add("Zipf 1.0, others popular every tenth, 1 KiB each", drifting(zipf(chance, s, 1), s), alike)
	return all
}

// zipf draws keys so that the n-th is asked for as often as n to the power of
// -exponent says. (math/rand has one for exponents above 1 alone.)
func zipf(chance *rand.Rand, s scale, exponent float64) []uint32 {
	upTo, sum := make([]float64, s.keys), 0.0
	for n := range upTo {
		sum += math.Pow(float64(n+1), -exponent)
		upTo[n] = sum
	}
	keys := make([]uint32, s.requests)
	for i := range keys {
		keys[i] = uint32(sort.SearchFloat64s(upTo, chance.Float64()*sum))
	}
	return keys
}

// withScans puts requests for keys that nobody else asks for in the place of
// every fourth stretch, each stretch a fiftieth of the trace.
func withScans(keys []uint32, s scale) []uint32 {
	next := uint32(s.keys)
	stretch := s.requests / 50
	for i := range keys {
		if i/stretch%4 == 3 {
			keys[i] = next
			next++
		}
	}
	return keys
}

// drifting lets other keys be the popular ones after each tenth: the worst for
// a policy that remembers how often was asked.
func drifting(keys []uint32, s scale) []uint32 {
	for i := range keys {
		part := i / (s.requests / 10)
		keys[i] = uint32((int(keys[i]) + part*s.keys/50) % s.keys)
	}
	return keys
}

// total is what all keys of the trace together take.
func (t *trace) total() (sum int64) {
	seen := map[uint32]bool{}
	for _, k := range t.keys {
		if !seen[k] {
			seen[k] = true
			sum += t.weight(k)
		}
	}
	return sum
}
