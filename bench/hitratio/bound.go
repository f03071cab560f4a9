package main

import "slices"

// bound is a share of hits that no cache of a size can exceed, whatever it
// knows: for a hit an answer has to be kept since it was last asked for, which
// takes its bytes for that long, and there are only so many bytes times
// requests. The cheapest are taken first, wherever in the trace they lie. (It
// is the simplest bound in Berger, Beckmann, Harchol-Balter: Practical Bounds
// on Optimal Caching with Variable Object Sizes, SIGMETRICS 2018.)
func bound(t *trace, budget int64) float64 {
	var costs []int64
	for i, next := range nextUses(t.keys) {
		if next < len(t.keys) {
			costs = append(costs, int64(next-i)*t.weight(t.keys[i]))
		}
	}
	slices.Sort(costs)
	left, hits := budget*int64(len(t.keys)), 0
	for _, cost := range costs {
		if left -= cost; left < 0 {
			break
		}
		hits++
	}
	return float64(hits) / float64(len(t.keys))
}
