package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/levee-proxy/levee/bench/internal/markdown"
)

// idleCase says whether memory is what a case is about.
func (c *caseResult) idleCase() bool {
	for i := range c.Peers {
		for _, s := range c.Peers[i].Samples {
			return s.PerConnection != 0
		}
	}
	return false
}

// tables are all results: what stands out, and then each case.
func (r *report) tables() string {
	var b strings.Builder
	b.WriteString(r.overview())
	b.WriteString(r.floors())
	for i := range r.Cases {
		b.WriteByte('\n')
		b.WriteString(r.Cases[i].table())
	}
	return b.String()
}

// overview has the median CPU time of every case, a proxy a column, and how
// many times as much Levee takes.
func (r *report) overview() string {
	var names []string
	for _, c := range r.Cases {
		for _, p := range c.Peers {
			if len(p.Samples) > 0 && p.Variant == "" && p.Floor == "" && !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}
	return r.medians(names, names, func(c *caseResult) bool { return !c.idleCase() && !c.grows() })
}

// medians is a table of the peers' median CPU time, a case a row; empty if there
// is none to be included.
func (r *report) medians(names, heads []string, included func(c *caseResult) bool) string {
	rows := [][]string{append([]string{"CPU a request, µs: median (Levee's, as a multiple of it)"}, heads...)}
	for i := range r.Cases {
		c := &r.Cases[i]
		if !included(c) {
			continue
		}
		row := []string{c.Title}
		for _, name := range names {
			row = append(row, c.overviewCell(name))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	if len(rows) > 1 {
		markdown.Table(&b, rows)
	}
	return b.String()
}

func (c *caseResult) overviewCell(name string) string {
	p, ours := c.peer(name), c.peer(levee)
	if p == nil {
		return ""
	}
	own, ok := p.of(cpu)
	if !ok {
		return "–"
	}
	if ours == nil || p == ours {
		return fmt.Sprintf("%.1f", own.median)
	}
	times, _ := ratio(ours, p, cpu)
	return fmt.Sprintf("%.1f (%.2f×)", own.median, times.median)
}

// table is one case, a proxy a row.
func (c *caseResult) table() string {
	rows := [][]string{{"", "CPU a request", "Levee's, as a multiple", "requests/s", "p50", "p99", "resident"}}
	if c.idleCase() {
		rows = [][]string{{"", "a connection", "Levee's, as a multiple", "resident with all"}}
	}
	if c.grows() {
		rows[0][2] = "as a multiple of its first: quartiles"
	}
	var remarks []string
	runs := 0
	for i := range c.Peers {
		p := &c.Peers[i]
		if p.Absent != "" {
			remarks = append(remarks, p.Name+": "+p.Absent)
			continue
		}
		if p.Failed != "" {
			first, _, _ := strings.Cut(p.Failed, "\n")
			remarks = append(remarks, p.label()+" failed: "+first)
		}
		if len(p.Samples) == 0 {
			continue
		}
		runs = max(runs, len(p.Samples))
		times := ""
		if other := c.against(p); other != nil && other != p {
			figure, above, below, sum := cpu, other, p, spreadOf
			if c.idleCase() {
				figure = perConnection
			}
			if c.grows() {
				above, below, sum = p, other, quartilesOf
			}
			if s, ok := sum(ratios(above, below, figure)); ok {
				times = s.text("%.2f", 1)
			}
		}
		name := p.title()
		if c.idleCase() {
			rows = append(rows, []string{name, p.text(perConnection, "%.1f", 1e3) + " KB", times, p.middle(rss, "%.1f", 1e6) + " MB"})
			continue
		}
		rows = append(rows, []string{
			name, p.text(cpu, "%.1f", 1) + " µs", times, p.middle(rate, "%.0f", 1),
			p.middle(p50, "%.2f", 1) + " ms", p.middle(p99, "%.2f", 1) + " ms", p.middle(rss, "%.1f", 1e6) + " MB",
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", c.Title)
	markdown.Table(&b, rows)
	fmt.Fprintf(&b, "\n`make bench COMPARE=\"-case %s\"`, %s", c.Name, runsOf(runs, c))
	if len(remarks) > 0 {
		fmt.Fprintf(&b, " Not measured: %s.", strings.Join(remarks, "; "))
	}
	b.WriteByte('\n')
	return b.String()
}

// title is a proxy with its version, and which of its variants, or what it is instead of a proxy.
func (p *peerResult) title() string {
	if p.Floor != "" {
		return p.Floor
	}
	title := strings.TrimSpace(p.Name + " " + strings.TrimPrefix(p.Version, "of this tree"))
	if p.Variant != "" {
		title += ", " + p.Variant
	}
	return title
}

// runsOf says how a case was measured.
func runsOf(runs int, c *caseResult) string {
	text := fmt.Sprintf("%d runs of %.0f s", runs, c.Seconds)
	if c.idleCase() {
		text = fmt.Sprintf("%d runs", runs)
	}
	if c.Note != "" {
		text += ", " + c.Note
	}
	return text + "."
}

// peer finds a proxy's results; levee stands for any engine of it.
func (c *caseResult) peer(name string) *peerResult {
	for i := range c.Peers {
		if p := &c.Peers[i]; p.Name == name || name == levee && strings.HasPrefix(p.Name, levee+"-") {
			return p
		}
	}
	return nil
}

// text is a figure's least, middle and greatest.
func (p *peerResult) text(figure func(*sample) float64, format string, unit float64) string {
	s, ok := p.of(figure)
	if !ok {
		return "–"
	}
	return s.text(format, unit)
}

// middle is a figure's median.
func (p *peerResult) middle(figure func(*sample) float64, format string, unit float64) string {
	s, ok := p.of(figure)
	if !ok {
		return "–"
	}
	return fmt.Sprintf(format, s.median/unit)
}

// text writes all three.
func (s spread) text(format string, unit float64) string {
	return fmt.Sprintf(format+", "+format+", "+format, s.min/unit, s.median/unit, s.max/unit)
}
