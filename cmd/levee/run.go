package main

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/admin"
	"github.com/levee-proxy/levee/internal/demo"
)

// demoUpstream is the word that stands for the built-in service.
const demoUpstream = "demo"

var errNothingToProxy = errors.New("nothing to proxy to: give --upstream URL, or --config FILE, or try --upstream demo")

func newRun() *cobra.Command {
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the proxy",
		Long: `Run the proxy in front of a service, or of several, until it is stopped.

SIGHUP, a change of the file, and POST /reload on the admin port reload the
configuration: whole, or, if anything is wrong with it, not at all. SIGTERM
drains: not ready at once, serving on for shutdown.delay, finishing what is in
flight within shutdown.timeout. SIGINT skips the delay. A second signal ends it
at once.

Ends with 0 after a drain, 1 when it can't run (a port in use), and 2 when flags
or configuration are wrong.`,
		Example: `  levee run --upstream http://127.0.0.1:8080
  levee run --upstream demo
  levee run --config levee.yaml --log-level debug`,
		Args: cobra.NoArgs,
	}
	var file string
	var over config.Overrides
	flags := command.Flags()
	flags.StringVar(&over.Upstream, "upstream", "", "service to proxy to: http://, https:// or h2c://HOST:PORT, unix:/PATH, or demo for a small built-in one")
	flags.StringVar(&over.Listen, "listen", "", "address for traffic (default :4480)")
	flags.StringVar(&over.Health, "health", "", "address for /live, /ready and /metrics, or off (default :4482)")
	flags.StringVar(&over.Admin, "admin", "", "address for the operator, loopback or unix:/PATH, or off (default 127.0.0.1:4481)")
	flags.StringVar(&file, "config", "", "configuration file")
	flags.StringVar(&over.Mode, "mode", "", "where Levee stands: ingress, before a service, or egress, beside a caller, which caches and serves stale answers in trouble (default ingress)")
	flags.StringVar(&over.Engine, "engine", "", "who reads and writes HTTP/1.1: lean, Levee's own engine, or standard, Go's net/http (default lean)")
	flags.StringVar(&over.StateFile, "state-file", "", "file that keeps learned limits over a restart (default none)")
	flags.StringVar(&over.LogLevel, "log-level", "", "debug, info, warn or error (default info)")
	flags.StringVar(&over.LogFormat, "log-format", "", "json or text (default json)")
	flags.StringVar(&over.LogAccess, "log-access", "", "which requests are logged: all, errors or none (default all)")
	_ = command.MarkFlagFilename("config", "yaml", "yml")
	_ = command.MarkFlagFilename("state-file")
	for flag, words := range map[string][]string{
		"upstream":   {demoUpstream, "http://127.0.0.1:8080"},
		"mode":       {config.ModeIngress, config.ModeEgress},
		"engine":     {config.EngineLean, config.EngineStandard},
		"log-level":  {"debug", "info", "warn", "error"},
		"log-format": {"json", "text"},
		"log-access": {"all", "errors", "none"},
	} {
		_ = command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	command.RunE = func(command *cobra.Command, _ []string) error {
		if file == "" && over.Upstream == "" {
			return refused(errNothingToProxy)
		}
		if over.Upstream == demoUpstream {
			service, err := demo.Start()
			if err != nil {
				return failed(err)
			}
			defer service.Close()
			over.Upstream = service.URL
		}
		return exitFor(run(file, over, os.Stdout, os.Stderr))
	}
	return command
}

// exitFor chooses the exit code for what ended a run.
func exitFor(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return refused(err)
	}
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, admin.ErrInUse) {
		return &exitError{exitFailure, err, "Another process listens there. Stop it, or choose another address: --listen, --health, --admin."}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, errAtOnce) {
		return failed(err)
	}
	// What else keeps a valid configuration from running is in the files that it names.
	return refused(err)
}
