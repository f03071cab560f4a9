package main

import (
	"slices"
	"strconv"
	"time"
)

// growth is what a case has more and more of: the question is then not how
// proxies compare, but whether one of them becomes slower. Each proxy is
// started once for each number, and all take turns. One of the two is set, or none.
type growth struct {
	routes []int
	keys   []int
}

// variant is a case with one of the numbers.
type variant struct {
	benchCase
	label string // what it has so many of; empty where nothing grows
}

// variants are the case with each of its numbers, or the case itself.
func (c *benchCase) variants() []variant {
	plain := *c
	plain.Grow = growth{}
	var all []variant
	for _, n := range c.Grow.routes {
		v := variant{plain, thousands(n) + " routes"}
		v.Routes = n
		all = append(all, v)
	}
	for _, n := range c.Grow.keys {
		v := variant{plain, thousands(n) + " keys"}
		v.Keys = n
		all = append(all, v)
	}
	if all == nil {
		all = []variant{{benchCase: plain}}
	}
	return all
}

// growthRounds is how many rounds a case in which something grows has for each run
// of another. By how much a proxy may become slower is less than two runs of
// the same differ by; only the middle of many pairs tells.
const growthRounds = 8

// rounds are how many rounds a case has, and how long each run in them takes:
// where something grows many and short ones, so that the two runs of a pair
// are as near to each other as can be.
func (c *benchCase) rounds(runs int, each time.Duration) (int, time.Duration) {
	if len(c.variants()) == 1 {
		return runs, each
	}
	return runs * growthRounds, min(each, time.Second)
}

// inTurn is in which order proxies are measured in a round: each round begins with
// another one. A proxy's variants follow one another at once, this way round and
// that, so that neither has the better place.
func inTurn(all []*running, round int) (order []int) {
	var proxies [][]int
	for i, r := range all {
		if n := len(proxies); n > 0 && all[i-1].name == r.name {
			proxies[n-1] = append(proxies[n-1], i)
		} else {
			proxies = append(proxies, []int{i})
		}
	}
	for i := range proxies {
		variants := proxies[(i+round)%len(proxies)]
		if round%2 == 1 {
			slices.Reverse(variants)
		}
		order = append(order, variants...)
	}
	return order
}

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	rest := strconv.Itoa(1000 + n%1000)
	return thousands(n/1000) + "," + rest[1:]
}
