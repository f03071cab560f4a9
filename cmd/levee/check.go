package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file",
		Long: `Check a configuration file: everything that is wrong with it is listed at once,
with its line and what would be right. Variables in the file are taken from the
environment, as they would be by levee run.

Ends with 0 if the file can be run, and with 2 if not. A file may be checked on
another machine than it is run on, so what it names and isn't fit for use here,
such as a certificate that isn't there, is a warning.`,
		Example: "  levee check levee.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			cfg, err := config.Load(arguments[0])
			if err != nil {
				return refused(err)
			}
			for _, warning := range cfg.Warnings() {
				fmt.Fprintf(command.ErrOrStderr(), "warning: %v\n", warning)
			}
			warnOfFiles(command.ErrOrStderr(), cfg, time.Now())
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: ok, %s, %s, %s\n", arguments[0],
				count(len(cfg.Listeners), "listener"), count(len(cfg.Routes), "route"), count(len(cfg.Upstreams), "upstream"))
			return wrapFailure(err)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
}

// warnOfFiles says what of the files that a configuration names isn't fit for
// use. It is no error: the configuration may be checked on another machine than
// the one that runs it.
func warnOfFiles(w io.Writer, cfg *config.Config, now time.Time) {
	warn := func(err error, so string) { fmt.Fprintf(w, "warning: %v; while that is so, %s\n", err, so) }
	unusable, useless := proxy.CheckFiles(cfg, now)
	for _, err := range unusable {
		warn(err, "levee run refuses this configuration")
	}
	for _, err := range useless {
		warn(err, "clients refuse it")
	}
	for _, file := range [...]struct{ key, path, so string }{
		{"state.file", cfg.State.File, "learned limits are lost with a restart"},
		{"idempotency.file", cfg.Idempotency.File, "keyed requests are refused, unless onStoreFailure says to pass them"},
		{"cache.snapshot.file", cfg.Cache.Snapshot.File, "a restart begins with an empty cache"},
	} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(filepath.Dir(file.path)); err != nil {
			warn(fmt.Errorf("%s: %w", file.key, err), file.so)
		}
	}
}

// count says "1 route", "2 routes".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
