// Command limiter-report runs Levee's limiter and those it is compared with
// through the simulator, and writes docs/limiter-results.md with its plots.
//
//	go run ./internal/rehearsal/cmd/limiter-report                      the report
//	go run ./internal/rehearsal/cmd/limiter-report -scope short -out -  a look, in seconds
//	go run ./internal/rehearsal/cmd/limiter-report -scope full          every cell: hours
//	go run ./internal/rehearsal/cmd/limiter-report -only Levee -cell "16 × 100ms fixed, 200% surging, naive"
package main

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/levee-proxy/levee/internal/rehearsal/judge"
)

// scope is how much is run.
type scope struct {
	judge.Scope
	strength int // of the covering; 0 is every cell
}

var scopes = map[string]scope{
	"short":  {judge.Scope{Calls: 2000, MaxCycles: 8, MaxCalls: 100_000}, 2},
	"report": {judge.Scope{Calls: 20_000, MaxCycles: 60, MaxCalls: 1_500_000}, 3},
	"full":   {judge.Scope{Calls: 20_000, MaxCycles: 60, MaxCalls: math.MaxInt}, 0},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "limiter-report:", err)
		os.Exit(1)
	}
}

func run() error {
	size := flag.String("scope", "report", "how many cells: short (pairs of values, seconds), report (triples, minutes) or full (all, hours)")
	out := flag.String("out", "docs", "the folder to write to; - prints the verdict only")
	seed := flag.Uint64("seed", 1, "decides everything that is left to chance")
	only := flag.String("only", "", "contestants to run, separated by commas; default: all")
	off := flag.String("off", strings.Join(judge.Rules, ","), "rules of Levee's limiter to switch off in turn, separated by commas; a short look that only prints leaves them alone")
	cell := flag.String("cell", "", "show one cell over time instead, by its name in the report")
	flag.Parse()
	s, ok := scopes[*size]
	if !ok {
		return fmt.Errorf("scope %q: want short, report or full", *size)
	}
	if *cell != "" {
		return s.show(*cell, pick(*only), *seed)
	}

	report := judge.Report{Command: "make rehearse-limiter", Seed: *seed}
	cells, words := s.cells(*seed)
	report.Cells = words
	grid := s.grid(cells, pick(*only), *seed)
	rows, drift, err := grid.Run()
	if err != nil {
		return err
	}
	report.Verdict = judge.Judge(grid, rows, drift)
	report.Missed = judge.Misses(slices.Concat(rows, drift), 0)
	if *off != "" && (*size != "short" || *out != "-") {
		rules := strings.Split(*off, ",")
		if report.Ablation, err = s.ablate(rules, *seed); err != nil {
			return err
		}
		if report.AblationStories, err = judge.Rehearse(judge.RuleScenarios(), judge.Ablated(rules)); err != nil {
			return err
		}
	}
	if *out == "-" {
		report.Print(os.Stdout)
		return nil
	}
	if report.Rehearsed, err = judge.Rehearse(judge.NamedScenarios(), pick(*only)); err != nil {
		return err
	}
	cost := judge.MeasureCost()
	report.Cost = &cost
	return report.Write(*out)
}

// cells returns the cells to run, and says in words which they are.
func (s scope) cells(seed uint64) ([]judge.Cell, string) {
	all, left := judge.Full(s.Scope)
	if s.strength == 0 {
		return all, fmt.Sprintf("The grid has %d cells; all of them were run.", len(all))
	}
	cells := judge.Covering(s.Scope, s.strength, seed)
	words := fmt.Sprintf(
		"The grid has %d cells. %d of them were run, chosen so that every combination of any %d of a cell's 6 values is in at least one; "+
			"%d cells with more than %d requests were left out (`-scope full` runs them too).",
		len(all)+left, len(cells), s.strength, left, s.MaxCalls)
	return cells, words
}

func (s scope) grid(cells []judge.Cell, who []judge.Contestant, seed uint64) *judge.Grid {
	return &judge.Grid{
		Cells: cells, Drift: judge.DriftCells(), Contestants: who, Scope: s.Scope, Seed: seed,
		Progress: func(done, of int) {
			if fmt.Fprintf(os.Stderr, "\r%d of %d cells", done, of); done == of {
				fmt.Fprintln(os.Stderr)
			}
		},
	}
}

// ablate runs the limiter with each rule switched off over pairs of values.
func (s scope) ablate(rules []string, seed uint64) (*judge.Verdict, error) {
	s.MaxCalls = min(s.MaxCalls, 300_000)
	grid := s.grid(judge.Covering(s.Scope, 2, seed), judge.Ablated(rules), seed)
	rows, drift, err := grid.Run()
	if err != nil {
		return nil, err
	}
	v := judge.Judge(grid, rows, drift)
	return &v, nil
}

// show prints a cell's series for each contestant.
func (s scope) show(name string, who []judge.Contestant, seed uint64) error {
	cell, ok := judge.Find(name)
	if !ok {
		return fmt.Errorf("there is no cell %q", name)
	}
	for _, c := range who {
		if c.New == nil {
			continue
		}
		points, every, err := cell.Series(s.Scope, seed, c)
		if err != nil {
			return err
		}
		fmt.Printf("# %s: %s\n#  time offered answered     shed   limit inflight   queue  accept      p50      p99\n", c.Name, cell)
		for i, p := range points {
			fmt.Printf("%7.2f %7d %8d %8d %7.1f %8.1f %7.1f %7.1f %8.1f %8.1f\n", (float64(i)+0.5)*every.Seconds(),
				p.Offered, p.Answered, p.Shed, p.Limit, p.Inflight, p.Queue, p.Accept, float64(p.P50)/1e6, float64(p.P99)/1e6)
		}
	}
	return nil
}

// pick returns the contestants with the names; all of them for none.
func pick(names string) []judge.Contestant {
	all := judge.Contestants()
	if names == "" {
		return all
	}
	wanted := strings.Split(names, ",")
	all = slices.DeleteFunc(all, func(c judge.Contestant) bool {
		return !slices.ContainsFunc(wanted, func(n string) bool { return strings.EqualFold(n, c.Name) })
	})
	// In the order asked for: the first one's misses are listed.
	slices.SortStableFunc(all, func(a, b judge.Contestant) int { return cmp.Compare(index(wanted, a.Name), index(wanted, b.Name)) })
	return all
}

func index(names []string, name string) int {
	return slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
