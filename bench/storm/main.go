// Storm proves over real HTTP what the simulator says of the adaptive limit: a
// service of 16 workers, clients that try again at once, something that goes
// wrong for a few seconds, and `levee run` without any configuration between
// the two. It prints a table of what came of it, against what the best possible
// limiter could have reached.
//
//	go run ./bench/storm                         every scenario once
//	go run ./bench/storm -runs 3 -scenario loss  one of them, three times
//	go run ./bench/storm -direct                 without Levee, to compare
//	go run ./bench/storm -off                    through Levee, without its limit
//	go run ./bench/storm -plain                  through Levee, with its limit but not knowing retries
//
// It ends with 0 if every bar was met, with 1 if Levee as it comes missed one, or
// something could not be measured, and with 2 for wrong flags.
//
// The parts, and the file of each:
//
//	scenario.go   what happens: the simulator's scenarios, cut for real time
//	layers.go     callers behind callers
//	schedule.go   when requests come, and chance
//	drive.go      clients in an open loop: what is sent, given up, sent again
//	pursue.go     one request through the layers of its callers
//	client.go     one attempt over HTTP/1.1, with little CPU
//	clients.go    a population of them
//	workers.go    the service's workers, and its queue
//	service.go    the service as a process of its own
//	levee.go      the process under test
//	cpu.go        who used how much CPU
//	run.go        one run, from start to end
//	measure.go    what a run is worth
//	simulate.go   what the simulator says of the same
//	verdict.go    the bars, and several runs together
//	table.go      the table
//	trace.go      a run's course, as CSV
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == serveArgument {
		os.Exit(serve(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitMet = iota
	exitMissed
	exitUsage
)

// options are the flags.
type options struct {
	scenarios []string
	runs      int
	seed      uint64
	short     bool
	through   way
	levee     string
	json      bool
	trace     string
}

// way is what stands between the clients and the service.
type way string

// The ways.
const (
	throughLevee way = "levee"  // as it comes, with no configuration
	stormOff     way = "plain"  // Levee with its limit, but retries are requests as all others, and refusals plain
	limitOff     way = "off"    // Levee without its limit
	direct       way = "direct" // nothing
)

// parse reads the flags.
func parse(arguments []string, stderr io.Writer) (options, error) {
	var o options
	var off, plain, straight bool
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("scenario", "", "comma-separated names: "+strings.Join(scenarioNames(), ", ")+" (default all)")
	flags.IntVar(&o.runs, "runs", 1, "how often each is run, each time with the next seed")
	flags.Uint64Var(&o.seed, "seed", 1, "what chance depends on")
	flags.BoolVar(&o.short, "short", false, "a few seconds for each, to see that it works")
	flags.BoolVar(&straight, "direct", false, "without Levee")
	flags.BoolVar(&off, "off", false, "through Levee with concurrency: {mode: off}")
	flags.BoolVar(&plain, "plain", false, "through Levee with storm: {mode: off}")
	flags.StringVar(&o.levee, "levee", "", "a built levee (default: builds ./cmd/levee)")
	flags.BoolVar(&o.json, "json", false, "print every run's figures as JSON instead of the table")
	flags.StringVar(&o.trace, "trace", "", "write the course of every run to this CSV file")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	o.scenarios = scenarioNames()
	if *names != "" {
		o.scenarios = strings.Split(*names, ",")
	}
	for _, name := range o.scenarios {
		if !slices.Contains(scenarioNames(), name) {
			return o, fmt.Errorf("no scenario %q: there are %s", name, strings.Join(scenarioNames(), ", "))
		}
	}
	o.through = throughLevee
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected %q", flags.Arg(0))
	case o.runs < 1:
		return o, fmt.Errorf("-runs %d: at least 1", o.runs)
	case off && straight || off && plain || plain && straight:
		return o, errors.New("-direct, -off and -plain: one of them")
	case plain:
		o.through = stormOff
	case off:
		o.through = limitOff
	case straight:
		o.through = direct
	}
	return o, nil
}

// start runs what the arguments ask for and returns the exit code.
func start(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	o, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitMet
	}
	if err != nil {
		fmt.Fprintln(stderr, "storm:", err)
		return exitUsage
	}
	// Collecting less often keeps the collector's work out of the moments
	// when requests are due.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	lines, err := all(ctx, o, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "storm:", err)
		return exitMissed
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(lines)
	} else {
		err = writeTable(stdout, o.through, lines)
	}
	if err != nil {
		fmt.Fprintln(stderr, "storm:", err)
		return exitMissed
	}
	return exitOf(o.through, lines)
}

// exitOf is what the program ends with. The bars are Levee's: what goes without it,
// or a part of it, is there to compare.
func exitOf(through way, lines []line) int {
	if through == throughLevee && slices.ContainsFunc(lines, func(l line) bool { return !l.Met }) {
		return exitMissed
	}
	return exitMet
}

// all runs every scenario so often, and judges each.
func all(ctx context.Context, o options, stderr io.Writer) ([]line, error) {
	binary := o.levee
	if binary == "" && o.through != direct {
		built, remove, err := build(ctx)
		if err != nil {
			return nil, err
		}
		defer remove()
		binary = built
	}
	trace, err := newTrace(o.trace)
	if err != nil {
		return nil, err
	}
	defer trace.close()
	var lines []line
	for _, name := range o.scenarios {
		sc := find(name, o.short)
		var runs []figures
		for i := range o.runs {
			sc.Seed = o.seed + uint64(i)
			f, err := fit(ctx, sc, o.through, binary, trace, stderr)
			if err == nil && sc.Against != "" && o.through == throughLevee {
				err = f.compare(ctx, sc, binary, stderr)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			runs = append(runs, f)
		}
		lines = append(lines, judgeRuns(sc, o.through, runs))
	}
	return lines, trace.close()
}

// compare runs the scenario the other way, too.
func (f *figures) compare(ctx context.Context, s scenario, binary string, stderr io.Writer) error {
	other, err := fit(ctx, s, s.Against, binary, &tracer{}, stderr)
	if err != nil {
		return err
	}
	f.Against = other.Sent
	if f.Unfit == "" {
		f.Unfit = other.Unfit
	}
	return nil
}

// chances is how often a run is played until the machine was free enough for it.
const chances = 3

// fit runs a scenario until its figures mean something, or for the last time.
func fit(ctx context.Context, s scenario, through way, binary string, trace *tracer, stderr io.Writer) (f figures, err error) {
	expected, err := simulated(s, through)
	if err != nil {
		return f, err
	}
	for range chances {
		r, err := run(ctx, s, through, binary, trace.wanted())
		if err != nil {
			return f, err
		}
		f = measure(s, r)
		f.Simulated = expected
		fmt.Fprintf(stderr, "%s, seed %d, %s: goodput %s of the ideal (simulated %s), %s of what the service can do reached it, %s, %d shed before and %d after, %d attempts\n",
			s.Name, s.Seed, through, percent(f.Goodput), percent(f.Simulated), percent(f.Upstream), afterwards(f.wait()), f.ShedBefore, f.ShedAfter, f.Attempts)
		if f.Unfit == "" {
			return f, trace.write(s, r)
		}
		fmt.Fprintf(stderr, "%s, seed %d: %s\n", s.Name, s.Seed, f.Unfit)
	}
	return f, nil
}
