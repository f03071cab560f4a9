package judge

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/plot"
)

// Report is what docs/limiter-results.md says.
type Report struct {
	// Command made it, as a reader would type it.
	Command string
	// Cells says which cells were run, in words.
	Cells   string
	Seed    uint64
	Verdict Verdict
	// Missed are the cells in which the first contestant missed a bound.
	Missed   []string
	Ablation *Verdict
	// AblationStories are the scenarios with each rule switched off.
	AblationStories []Rehearsed
	// Rehearsed are the named scenarios, each with what became of it with each
	// contestant.
	Rehearsed []Rehearsed
	// Cost is that of the limiter's calls; nil if it wasn't measured.
	Cost *Cost
}

// Rehearsed is a named scenario with what every contestant made of it.
type Rehearsed struct {
	Named
	Stories []Story
}

// Rehearse plays scenarios with all contestants.
func Rehearse(scenarios []Named, who []Contestant) ([]Rehearsed, error) {
	var all []Rehearsed
	for _, n := range scenarios {
		r := Rehearsed{Named: n}
		for _, c := range who {
			s, err := n.Play(c)
			if err != nil {
				return nil, err
			}
			r.Stories = append(r.Stories, s)
		}
		all = append(all, r)
	}
	return all, nil
}

// Write writes limiter-results.md into a folder, and the plots into its
// subfolder limiter.
func (r *Report) Write(folder string) error {
	if err := os.MkdirAll(filepath.Join(folder, "limiter"), 0o755); err != nil {
		return err
	}
	for i := range r.Rehearsed {
		var b bytes.Buffer
		f := r.Rehearsed[i].figure()
		if err := f.WriteSVG(&b); err != nil {
			return err
		}
		name := filepath.Join(folder, "limiter", r.Rehearsed[i].File+".svg")
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	r.markdown(&b)
	return os.WriteFile(filepath.Join(folder, "limiter-results.md"), b.Bytes(), 0o644)
}

func (r *Report) markdown(w io.Writer) {
	fmt.Fprintf(w, `# How the limiter does

Every figure here was measured, by `+"`%s`"+` (seed %d). Nothing was tuned for
a cell or a scenario: Levee's limiter runs as it is configured by default, the package itself,
driven in virtual time.

## The grid

A cell is a service (how many requests it works on at once, and how long each takes), a load and a
kind of clients. %s

- Steady load; surges (a third of the time at the cell's load, else half of the capacity); and days (a cosine between a tenth of the load and all of it).
- Patient clients wait for ever. Naive ones give an attempt up after ten mean service times and try again at once, up to
  three times; the limiter isn't told that they gave up. Resetting ones do the same, and the limiter sees them leave. The
  service never notices: it works on.
- The ideal is the smaller of what is offered and what the service can work off, less what takes longer than the clients' patience.

Each figure is the median over the cells, then the worst cell, then in how many cells the bound was missed.

`, r.Command, r.Seed, r.Cells)
	r.Verdict.table(w, false)
	fmt.Fprintf(w, `
The best fixed limit is chosen for each cell by an oracle that knows the service and tries up to ten limits around its
width; for the drift it is one that suits the service before it drifts.

`)
	r.Verdict.worst(w)
	if ahead := r.Verdict.Ahead("AIMD", "Vegas", "Gradient2", "Envoy"); len(ahead) > 0 {
		fmt.Fprint(w, "\nWhere another adaptive limiter is ahead:\n\n")
		for _, a := range ahead {
			fmt.Fprintf(w, "- %s\n", a)
		}
	}
	if len(r.Missed) > 0 {
		fmt.Fprintf(w, "\n## Cells in which %s misses a bound\n\n", r.Verdict.Contestants[0])
		for _, m := range r.Missed {
			fmt.Fprintf(w, "- %s\n", m)
		}
	}
	if len(r.Missed) > 0 {
		fmt.Fprint(w, tried)
	}
	if r.Cost != nil {
		r.Cost.markdown(w)
	}
	if r.Ablation != nil {
		fmt.Fprint(w, "\n## What each rule is worth\n\nThe limiter with one rule switched off, over cells that cover every pair of the grid's values.\n\n")
		r.Ablation.table(w, true)
		r.ablationStories(w)
	}
	r.stories(w)
}

// table writes the verdict: a line for each criterion and a column for each
// contestant, or the other way round.
func (v *Verdict) table(w io.Writer, turned bool) {
	if turned {
		fmt.Fprint(w, "| |")
		for _, c := range v.Criteria {
			fmt.Fprintf(w, " %s |", c.Name)
		}
		fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(v.Criteria)))
		for who, name := range v.Contestants {
			fmt.Fprintf(w, "| %s |", name)
			for i := range v.Criteria {
				fmt.Fprintf(w, " %s |", v.Criteria[i].write(v.Figures[i][who]))
			}
			fmt.Fprintln(w)
		}
		return
	}
	fmt.Fprintf(w, "| | must | %s |\n|---|---|%s\n", strings.Join(v.Contestants, " | "), strings.Repeat("---|", len(v.Contestants)))
	for i := range v.Criteria {
		c := &v.Criteria[i]
		fmt.Fprintf(w, "| %s | %s |", c.Name, c.Must)
		for who := range v.Contestants {
			fmt.Fprintf(w, " %s |", c.write(v.Figures[i][who]))
		}
		fmt.Fprintln(w)
	}
}

// write writes a figure, in bold if it keeps the bounds.
func (c *Criterion) write(f Figure) string {
	if f.Cells == 0 {
		return "–"
	}
	s := fmt.Sprintf("%s / %s", c.value(f.Median), c.value(f.Worst))
	if c.Holds(f) {
		return "**" + s + "**"
	}
	if f.Missed > 0 {
		s += fmt.Sprintf(" (%d of %d)", f.Missed, f.Cells)
	}
	if f.Undone > 0 {
		s += fmt.Sprintf(", undone in %d", f.Undone)
	}
	return s
}

func (c *Criterion) value(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0) && c.Unit != "":
		return "never"
	case math.IsInf(v, 0):
		return "∞"
	case c.Percent:
		return percent(v)
	}
	return fmt.Sprintf("%.2f%s", v, c.Unit)
}

func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v != 0 && math.Abs(v) < 0.01:
		return fmt.Sprintf("%.2f%%", 100*v)
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

// worst names the worst cells.
func (v *Verdict) worst(w io.Writer) {
	fmt.Fprintf(w, "The worst cells (workers × mean service time, load, clients):\n\n| | %s |\n|---|%s\n",
		strings.Join(v.Contestants, " | "), strings.Repeat("---|", len(v.Contestants)))
	for i := range v.Criteria {
		fmt.Fprintf(w, "| %s |", v.Criteria[i].Name)
		for _, f := range v.Figures[i] {
			name := f.WorstCell
			if name == "" {
				name = "–"
			}
			fmt.Fprintf(w, " %s |", name)
		}
		fmt.Fprintln(w)
	}
}

// Misses lists the cells in which a contestant misses a bound, worst first
// within each criterion.
func Misses(rows []Row, who int) []string {
	var all []string
	for _, c := range Criteria() {
		for i := range rows {
			m := rows[i].Measures[who]
			if v := c.Of(m); !math.IsNaN(v) && !math.IsNaN(c.Worst) && !c.keeps(v, c.Worst) {
				all = append(all, fmt.Sprintf("%s: %s in %s", c.Name, c.value(v), rows[i].Cell))
			}
		}
	}
	return all
}

// ablationStories writes what each rule is worth in the scenarios.
func (r *Report) ablationStories(w io.Writer) {
	if len(r.AblationStories) == 0 {
		return
	}
	fmt.Fprint(w, "\nThe same in the scenarios below, and in three more, of a service that refuses what it can't queue, of one of whose endpoints hangs, and of a narrow one, overloaded from a cold start: goodput during the trigger / shed when nothing need be (before it, and once it has settled).\n\n| |")
	for _, n := range r.AblationStories {
		fmt.Fprintf(w, " %s |", n.Name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(r.AblationStories)))
	for who, s := range r.AblationStories[0].Stories {
		fmt.Fprintf(w, "| %s |", s.Contestant)
		for _, n := range r.AblationStories {
			s := n.Stories[who]
			needless := s.ShedBefore
			if !math.IsNaN(s.ShedSettled) {
				needless = max(needless, s.ShedSettled)
			}
			fmt.Fprintf(w, " %s / %s |", percent(s.Goodput), percent(needless))
		}
		fmt.Fprintln(w)
	}
}

// stories writes the named scenarios.
func (r *Report) stories(w io.Writer) {
	if len(r.Rehearsed) == 0 {
		return
	}
	fmt.Fprint(w, `
## Eight scenarios

A service with 16 workers that takes 40 ms (half of it fixed, half exponential), and clients that send 280 requests a
second, which is 70% of what it can do. They give an attempt 400 ms, reset it then, and try again at once, up to three
times and 1.5 s in all. The trigger comes after 10 s and is shaded.

Goodput is the share of the ideal that was answered in time during the trigger; shed is the share of attempts shed
before it / from 5 s after its end on; recovery is the time from its end until 99% is good again for good. The shares are means of eight runs with different seeds, recovery and p99
are the worst of them; the plots show the first.
`)
	for i := range r.Rehearsed {
		n := &r.Rehearsed[i]
		fmt.Fprintf(w, "\n### %s\n\n%s", strings.ToUpper(n.Name[:1])+n.Name[1:], n.Story)
		if n.To > 0 {
			fmt.Fprintf(w, " The ideal is %s of what is offered then.", percent(n.Stories[0].Ideal))
		}
		fmt.Fprintf(w, "\n\n![%s](limiter/%s.svg)\n\n", n.Name, n.File)
		fmt.Fprint(w, "| | goodput | shed | recovery | p99 |\n|---|---|---|---|---|\n")
		for _, s := range n.Stories {
			fmt.Fprintf(w, "| %s | %s | %s / %s | %s | %d ms |\n", s.Contestant, percent(s.Goodput), percent(s.ShedBefore), percent(s.ShedSettled), recovered(s), s.P99.Milliseconds())
		}
	}
}

func recovered(s Story) string {
	text := fmt.Sprintf("%.2f s", s.Recovery)
	switch {
	case math.IsNaN(s.Recovery):
		return "–"
	case math.IsInf(s.Recovery, 0):
		text = "never"
	}
	if s.Undone {
		text += ", once undone"
	}
	return text
}

// figure draws the first contestant's run, and the last one's goodput beside it.
func (n *Rehearsed) figure() plot.Figure {
	first, last := n.Stories[0], n.Stories[len(n.Stories)-1]
	every := n.Bucket.Seconds()
	line := func(name string, s Story, faint bool, value func(i int) float64) plot.Line {
		l := plot.Line{Name: name, Every: every, Faint: faint, Values: make([]float64, len(s.Result.Series))}
		for i := range l.Values {
			l.Values[i] = math.NaN()
			if float64(i)*every >= n.Warmup.Seconds() {
				l.Values[i] = value(i)
			}
		}
		return l
	}
	a, b := first.Result.Series, last.Result.Series
	ms := func(v float64) float64 { return v / 1e6 }
	f := plot.Figure{
		Title: first.Contestant + ": " + n.Story, Seconds: n.Duration.Seconds(),
		Shade: [2]float64{n.From.Seconds(), n.To.Seconds()}, ShadeTag: n.Name,
		Panels: []plot.Panel{
			{Label: "requests", Lines: []plot.Line{
				line("limit", first, false, func(i int) float64 { return a[i].Limit }),
				line("inflight", first, false, func(i int) float64 { return a[i].Inflight }),
				line("queue", first, false, func(i int) float64 { return a[i].Queue }),
			}},
			{Label: "latency in ms", Log: true, Lines: []plot.Line{
				line("p50", first, false, func(i int) float64 { return ms(float64(a[i].P50)) }),
				line("p99", first, false, func(i int) float64 { return ms(float64(a[i].P99)) }),
			}},
			{Label: "requests a second", Lines: []plot.Line{
				line("offered", first, false, func(i int) float64 { return float64(a[i].Offered) / every }),
				line("goodput", first, false, func(i int) float64 { return float64(a[i].Good) / every }),
				line("ideal", first, false, func(i int) float64 { return n.Ideal(n.Bucket*time.Duration(i) + n.Bucket/2) }),
			}},
		},
	}
	if len(n.Stories) > 1 {
		f.Panels[2].Lines = append(f.Panels[2].Lines, line("goodput, "+last.Contestant, last, true, func(i int) float64 { return float64(b[i].Good) / every }))
	}
	return f
}

// Print writes the verdict and the missed cells without the rest.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintln(w, r.Cells)
	for i := range r.Verdict.Criteria {
		c := &r.Verdict.Criteria[i]
		fmt.Fprintf(w, "\n%s: %s\n", c.Name, c.Must)
		for who, name := range r.Verdict.Contestants {
			f := r.Verdict.Figures[i][who]
			fmt.Fprintf(w, "  %-12s %-40s %s\n", name, c.write(f), f.WorstCell)
		}
	}
	fmt.Fprintf(w, "\nmissed by %s:\n", r.Verdict.Contestants[0])
	for _, m := range r.Missed {
		fmt.Fprintln(w, " ", m)
	}
	if r.Ablation != nil {
		fmt.Fprintln(w)
		r.Ablation.table(w, true)
		r.ablationStories(w)
	}
}

// tried says what was done about the rows that are missed, and what came of it.
const tried = `
## What was tried about them

- **Rules that compare two windows at a time** (slow start by doubling, a cut of three tenths, a test whether latency fell with inflight) in place of the
  fit: with tens of samples a window they err in one test of five, and one wrong raise in a storm costs seconds. 71% of the ideal in the slowdown, 62.7% with other seeds.
- **Other priors**: a width that changes as easily as the speed (a spread of 0.7 instead of 0.4 below the one known) costs the slowdown 15%; one that hardly changes (0.3) 6%.
- **Longer windows** (errors of 10% instead of 20%) decide better, but too late in a storm of six seconds; shorter ones (25%) are no quicker, as a cohort has to come back first.
- **Cuts of at most a fifth or a third** keep more of a drift, and lose from a quarter to nearly all of the goodput in a threefold storm whose clients leave. **Halving always** loses twice as much in a drift.
- **A higher price of latency** keeps tails shorter, and loses goodput in wide services; a lower one the reverse.
- **A cap on what abandoned requests hold** (three quarters of the limit) lets too much into narrow services: 67% instead of 90% in the worst of them.
- **Taking the time in which the service stood still** (collector pauses) out of latencies: no difference worth its code in any scenario, that with pauses included.
- **The whole tolerance for latency while clients leave**, as while they don't: about 95% of the ideal instead of 96% in the slowdown (median of 24 seeds).
- **Taking one abandoned request in a hundred for a sign of overload**, which is one in any window: it forbids to ask whether the service has become wider. A drift then keeps 94.2% of the ideal (mean of 150 seeds; 63% in the
  worst) instead of 96.7% (90%). **Asking for more than chance explains** (a standard deviation) is no better there, and costs the slowdown 1.3%.
- **Learning how slow a service is while over a quarter of its clients leave**: after a cold start at full load the queue in it can become the baseline, for good. 57.0% instead of 98.2% in 16 × 1 ms log-normal at 1000% diurnal
  with resetting clients, and 61% instead of 79% in the worst of 100 slowdowns.
- **Cutting in doubt while the load doesn't reach the limit**: the first look at a drift then often cuts to what was inflight before, and it keeps 96.7% instead of 98.1%.
- **Refusing whoever has waited for 100 ms** although the queue hasn't stood for a second: of runs with mixed costs, 18% shed something before any overload instead of 3%, and pauses of 200 ms cost 1.9% of the attempts instead of 0.02%.
  **A queue of 1,024 in that second** lets 64 ms of requests wait in front of services of 1 ms whose clients leave after 10: 26% instead of 83% in the worst cell.
- **The oldest give way at once in a full queue** that stands, not only after 100 ms: up to 6% more goodput from services of 1 ms, but each refusal then costs as much as a request that waits.
- **Raises by at most a fifth while clients leave**: no difference in the slowdown over 300 seeds; services of 1,000 × 1 s shed 5% instead of 1% while they have room.
- **Means instead of logarithms** need ten times the samples where latencies spread: 29% with bimodal ones.

What remains: services that work on one or four requests at once and take a second for each tell so little that it takes tens of seconds to learn what they are; a queue that bridges
the gaps in front of a single worker, so that it never idles, is longer than twice its p99 allows for fixed service times; very wide and slow ones grow
by at most a factor of two in the time of a request, and refuse what comes meanwhile.
`
