// Command storm-report plays retry storms in the simulator and writes
// docs/storm-results.md with its plots.
//
//	go run ./internal/rehearsal/cmd/storm-report                        the report
//	go run ./internal/rehearsal/cmd/storm-report -out - -seeds 1        a look
//	go run ./internal/rehearsal/cmd/storm-report -out - -only backlog   some scenarios, by a part of their names
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/levee-proxy/levee/internal/rehearsal/storms"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "storm-report:", err)
		os.Exit(1)
	}
}

func run() error {
	out := flag.String("out", "docs", "the folder to write to; - prints the tables only")
	seeds := flag.Int("seeds", 8, "how often each scenario is played")
	only := flag.String("only", "", "scenarios to play: those whose name has this in it; default: all")
	flag.Parse()
	if *seeds < 1 {
		return fmt.Errorf("-seeds %d: at least 1", *seeds)
	}
	all := slices.DeleteFunc(storms.Scenarios(), func(s storms.Scenario) bool { return !strings.Contains(s.Name, *only) })
	if len(all) == 0 {
		return fmt.Errorf("no scenario's name has %q in it", *only)
	}
	rehearsed, err := storms.Rehearse(all, *seeds)
	if err != nil {
		return err
	}
	report := storms.Report{Command: "make rehearse-storms", Seeds: *seeds, Rehearsed: rehearsed}
	if *out == "-" {
		return report.Print(os.Stdout)
	}
	return report.Write(*out)
}
