// Command limiter-report runs Levee's limiter and those it is compared with
// through the simulator, and writes docs/limiter-results.md with its plots.
//
//	go run ./internal/rehearsal/cmd/limiter-report                      the report
//	go run ./internal/rehearsal/cmd/limiter-report -scope short -out -  a look, in seconds
//	go run ./internal/rehearsal/cmd/limiter-report -scope full          every cell: hours
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
	flag.Parse()
	s, ok := scopes[*size]
	if !ok {
		return fmt.Errorf("scope %q: want short, report or full", *size)
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
		if report.Ablation, err = s.ablate(strings.Split(*off, ","), *seed); err != nil {
			return err
		}
	}
	if *out == "-" {
		report.Print(os.Stdout)
		return nil
	}
	if report.Rehearsed, err = judge.Rehearse(pick(*only)); err != nil {
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
