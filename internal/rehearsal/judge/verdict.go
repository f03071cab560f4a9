package judge

import (
	"fmt"
	"math"
	"slices"
)

// Criterion is a row of the verdict's table.
type Criterion struct {
	Name string
	// Must says in words what is asked for.
	Must string
	// Of picks the measure.
	Of func(Measures) float64
	// Least says that high values are good.
	Least bool
	// Median and Worst are the bounds; NaN where there is none.
	Median, Worst float64
	// Percent says how values are written; otherwise with two digits and Unit.
	Percent bool
	Unit    string
}

// Criteria returns the rows of the verdict.
func Criteria() []Criterion {
	nan := math.NaN()
	return []Criterion{
		{"goodput in overload, share of the ideal", "median ≥ 97%, worst ≥ 90%", func(m Measures) float64 { return m.Goodput }, true, 0.97, 0.90, true, ""},
		{"goodput in overload, share of the best fixed limit's", "median ≥ 95%", func(m Measures) float64 { return m.Versus }, true, 0.95, nan, true, ""},
		{"shed while utilisation ≤ 70%", "≤ 0.1%", func(m Measures) float64 { return m.IdleShed }, false, nan, 0.001, true, ""},
		{"recovery to 99% good after the overload", "≤ 2 s, never undone", func(m Measures) float64 { return m.Recovery }, false, nan, 2, false, " s"},
		{"p99 of admitted requests in overload, against 2 × the unloaded p99 + the queue's target", "≤ 1", func(m Measures) float64 { return m.Tail }, false, nan, 1, false, ""},
		{"shed after 5 s of a drift (3 × slower, 3 × wider)", "≤ 1%", func(m Measures) float64 { return m.Drift }, false, nan, 0.01, true, ""},
	}
}

// Figure is what one contestant reached in one row of the verdict.
type Figure struct {
	Median, Worst float64
	// WorstCell names the cell with the worst value.
	WorstCell string
	// Cells is how many cells said something; Missed how many missed the bound
	// for the worst cell; Undone in how many a recovery was lost again.
	Cells, Missed, Undone int
}

// Holds says whether the figure keeps the criterion's bounds.
func (c *Criterion) Holds(f Figure) bool {
	if f.Cells == 0 {
		return true
	}
	return f.Missed == 0 && f.Undone == 0 && (math.IsNaN(c.Median) || c.keeps(f.Median, c.Median))
}

func (c *Criterion) keeps(value, bound float64) bool {
	if c.Least {
		return value >= bound
	}
	return value <= bound
}

// figure sums up a criterion over rows for the contestant at an index.
func (c *Criterion) figure(rows []Row, who int) Figure {
	f := Figure{Median: math.NaN(), Worst: math.NaN()}
	var values []float64
	for i := range rows {
		m := rows[i].Measures[who]
		v := c.Of(m)
		if math.IsNaN(v) {
			continue
		}
		values = append(values, v)
		if !math.IsNaN(c.Worst) && !c.keeps(v, c.Worst) {
			f.Missed++
		}
		if c.Unit != "" && m.Undone {
			f.Undone++
		}
		if f.WorstCell == "" || (c.Least && v < f.Worst) || (!c.Least && v > f.Worst) {
			f.Worst, f.WorstCell = v, rows[i].Cell.String()
		}
	}
	f.Cells = len(values)
	if f.Cells > 0 {
		slices.Sort(values)
		f.Median = values[f.Cells/2]
	}
	return f
}

// Verdict is the whole table: a line for each criterion, a figure for each contestant.
type Verdict struct {
	Criteria    []Criterion
	Contestants []string
	Figures     [][]Figure
}

// Ahead lists in words where others do better than the first contestant.
func (v *Verdict) Ahead(others ...string) []string {
	var all []string
	for i := range v.Criteria {
		c, own := &v.Criteria[i], v.Figures[i][0]
		for who, name := range v.Contestants {
			f := v.Figures[i][who]
			if !slices.Contains(others, name) || f.Cells == 0 || own.Cells == 0 {
				continue
			}
			for _, pair := range []struct {
				what       string
				own, other float64
			}{{"median", own.Median, f.Median}, {"worst cell", own.Worst, f.Worst}} {
				// Equal as written is equal.
				if c.value(pair.own) != c.value(pair.other) && c.keeps(pair.other, pair.own) {
					all = append(all, fmt.Sprintf("%s, %s: %s with %s, %s with %s", c.Name, pair.what, c.value(pair.other), name, c.value(pair.own), v.Contestants[0]))
				}
			}
		}
	}
	return all
}

// Judge sums up the rows of a grid.
func Judge(g *Grid, cells, drift []Row) Verdict {
	v := Verdict{Criteria: Criteria()}
	for _, c := range g.Contestants {
		v.Contestants = append(v.Contestants, c.Name)
	}
	all := slices.Concat(cells, drift)
	for i := range v.Criteria {
		var line []Figure
		for who := range g.Contestants {
			line = append(line, v.Criteria[i].figure(all, who))
		}
		v.Figures = append(v.Figures, line)
	}
	return v
}
