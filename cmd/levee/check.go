package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/config"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file",
		Long: `Check a configuration file: everything that is wrong with it is listed at once,
with its line and what would be right. Variables in the file are taken from the
environment, as they would be by levee run.

Ends with 0 if the file can be run, and with 2 if not.`,
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
			warnOfState(command.ErrOrStderr(), cfg.State.File)
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: ok, %s, %s, %s\n", arguments[0],
				count(len(cfg.Listeners), "listener"), count(len(cfg.Routes), "route"), count(len(cfg.Upstreams), "upstream"))
			return wrapFailure(err)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
}

// warnOfState says that the folder of the state file isn't there. It is no
// error: the file may be checked on another machine than the one that runs it,
// and a proxy that can't keep its limits still serves.
func warnOfState(w io.Writer, file string) {
	if file == "" {
		return
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		fmt.Fprintf(w, "warning: state.file: %v; while that is so, learned limits are lost with a restart\n", err)
	}
}

// count says "1 route", "2 routes".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
