package main

import "strconv"

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

// thousands writes 10000 as 10,000.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	rest := strconv.Itoa(1000 + n%1000)
	return thousands(n/1000) + "," + rest[1:]
}
