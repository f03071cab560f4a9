package main

import (
	"slices"
	"strings"

	"github.com/levee-proxy/levee/bench/internal/markdown"
)

// floors has the median CPU time of Levee and of the programs that only read
// and write, in the cases in which those took part; empty if there are none. They
// stand apart, so that nobody takes them for proxies.
func (r *report) floors() string {
	names, heads := []string{levee}, []string{"CPU a request, µs: median (Levee's, as a multiple of it)", levee}
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			if p.Floor == "" || len(p.Samples) == 0 || slices.Contains(names, p.Name) {
				continue
			}
			head, _, _ := strings.Cut(p.Floor, ":")
			names, heads = append(names, p.Name), append(heads, head)
		}
	}
	if len(names) == 1 {
		return ""
	}
	rows := [][]string{heads}
	for i := range r.Cases {
		c := &r.Cases[i]
		if !slices.ContainsFunc(c.Peers, func(p peerResult) bool { return p.Floor != "" && len(p.Samples) > 0 }) {
			continue
		}
		row := []string{c.Title}
		for _, name := range names {
			row = append(row, c.overviewCell(name))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	b.WriteString("\nNo proxies, but the floor under them: *bare* reads and writes, and does nothing else.\n\n")
	markdown.Table(&b, rows)
	return b.String()
}
