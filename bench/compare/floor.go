package main

import (
	"slices"
	"strings"
)

// floors has the median CPU time of Levee and of the programs that only read
// and write, in the cases in which those took part; empty if there are none. They
// stand apart, so that nobody takes them for proxies.
func (r *report) floors() string {
	names, heads := []string{levee}, []string{levee}
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			if p.Floor == "" || len(p.Samples) == 0 || slices.Contains(names, p.Name) {
				continue
			}
			head, _, _ := strings.Cut(p.Floor, ":")
			names, heads = append(names, p.Name), append(heads, head)
		}
	}
	table := r.medians(names, heads, func(c *caseResult) bool {
		return slices.ContainsFunc(c.Peers, func(p peerResult) bool { return p.Floor != "" && len(p.Samples) > 0 })
	})
	if table == "" {
		return ""
	}
	return "\nNo proxies, but the floor under them: *bare* reads and writes, and does nothing else.\n\n" + table
}
