// Compare measures Levee beside other proxies, on the same machine, in the same
// minutes: nginx, HAProxy, Varnish, Caddy and Envoy, whichever of them are
// there, each on one worker with its best settings, all in front of one origin
// and under one load generator. The runs are interleaved, so that a machine
// whose speed varies slows all alike.
//
//	go run ./bench/compare                      the headline cases, in a few minutes
//	go run ./bench/compare -case 69b,tls -runs 5
//	go run ./bench/compare -case all -write     every case, into docs/benchmarks.md
//	go run ./bench/compare -list                which cases and peers there are
//
// What is measured: the CPU time that a proxy's processes use for a request, as
// the kernel accounts it, the requests served in a second, the time to an
// answer, and resident memory. Every answer is checked: a run with a wrong
// status among its answers counts for nothing, nor does a cache's that went to
// the origin.
//
// It ends with 0 when all was measured, with 1 when something could not be, and
// with 2 for wrong flags.
//
// The parts, and the file of each:
//
//	cases.go      what is measured
//	growth.go     cases in which something grows
//	peers.go      the proxies; peers/ has the configuration of each
//	find.go       which of them are there
//	bare.go       programs that only read and write: the floor under all proxies
//	barego.go     the one of them that is in Go
//	site.go       what a configuration needs to know
//	certificate.go, ports.go
//	process.go    starting and stopping one
//	origin.go     the service behind all of them, and one that never answers
//	grpc.go       the same for gRPC
//	fill.go       filling a cache
//	probe.go      does it answer, and rightly?
//	wrk.go        load over HTTP/1.1
//	h2load.go     load over HTTP/2
//	idle.go       connections without load
//	usage.go      CPU time and memory of a proxy's processes
//	measure.go    one run
//	rounds.go     the interleaved runs of a case
//	result.go     figures, and several of them together
//	table.go      tables
//	floor.go      the table of the floor
//	document.go   tables in a document
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
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if code, ok := serveFor(os.Args[1:]); ok {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// serveFor serves as one of the programs that are measured, or measured against,
// if this process was started as one. The argument for that is nobody else's
// business: it isn't listed.
func serveFor(arguments []string) (code int, ok bool) {
	switch {
	case len(arguments) == 1 && arguments[0] == grpcArgument:
		return serveGRPC(os.Stdin, os.Stdout, os.Stderr), true
	case len(arguments) > 1 && arguments[0] == bareGoArgument:
		return serveBare(arguments[1:], os.Stderr), true
	}
	return 0, false
}

// The exit codes.
const (
	exitMeasured = iota
	exitMissed
	exitUsage
)

// options are the flags.
type options struct {
	cases   []benchCase
	peers   []peer
	absent  []string // why peers that could be here are not
	runs    int
	each    time.Duration
	levee   string
	json    bool
	write   bool
	list    bool
	folder  string // of the documents
	comment string // about the machine
}

// parse reads the flags.
func parse(arguments []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("case", "headline", "comma-separated cases; headline and all stand for several")
	peers := flags.String("peers", "", "comma-separated proxies (default: all that are here)")
	engines := flags.String("levee-engine", "", "comma-separated values of Levee's key engine, each measured as a proxy of its own (default: as configured by default)")
	flags.IntVar(&o.runs, "runs", 3, "how often each proxy is measured in each case")
	seconds := flags.Int("seconds", 2, "how long a run takes")
	flags.StringVar(&o.levee, "levee", "", "a built levee (default: builds ./cmd/levee)")
	flags.BoolVar(&o.json, "json", false, "print every run's figures as JSON instead of tables")
	flags.BoolVar(&o.write, "write", false, "also write the figures into docs/benchmarks.json and the tables of docs/benchmarks.md")
	flags.StringVar(&o.folder, "docs", "docs", "the folder that -write writes to")
	flags.StringVar(&o.comment, "note", "", "a word about the machine or the moment, for the tables")
	flags.BoolVar(&o.list, "list", false, "list cases and proxies, measure nothing")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	o.each = time.Duration(*seconds) * time.Second
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected %q", flags.Arg(0))
	case o.runs < 1 || o.runs > 100:
		return o, fmt.Errorf("-runs %d: from 1 to 100", o.runs)
	case *seconds < 1 || *seconds > 60:
		return o, fmt.Errorf("-seconds %d: from 1 to 60", *seconds)
	}
	var err error
	if o.cases, err = chosenCases(*names); err != nil {
		return o, err
	}
	o.peers, o.absent, err = chosenPeers(split(*peers), split(*engines))
	return o, err
}

// split splits a flag with commas; an empty one has no parts.
func split(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(part string) bool { return part == "" })
}

// start does what the arguments ask for and returns the exit code.
func start(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	o, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitMeasured
	}
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitUsage
	}
	if o.list {
		list(stdout, o)
		return exitMeasured
	}
	report, err := compare(ctx, o, stderr)
	if err == nil && o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else if err == nil {
		_, err = io.WriteString(stdout, report.tables())
	}
	if err == nil && o.write {
		err = report.write(o.folder)
	}
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitMissed
	}
	if report.failed() {
		return exitMissed
	}
	return exitMeasured
}

// list prints what there is to choose from.
func list(w io.Writer, o options) {
	for _, c := range cases() {
		mark := " "
		if c.Headline {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %-22s %s\n", mark, c.Name, c.Title)
	}
	fmt.Fprintln(w, "\n* is one of the headline cases. Proxies here:")
	for _, p := range o.peers {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-22s %-9s %s", p.name, p.version, p.floor), " "))
	}
	for _, absent := range o.absent {
		fmt.Fprintf(w, "  %s\n", absent)
	}
}
