package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/config"
)

// newRoot assembles the commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "levee",
		Short: "A reverse proxy that keeps an overloaded service answering while its clients retry",
		Long: `Levee is a reverse proxy that keeps an overloaded service answering while its
clients retry. It needs one flag to run, or one YAML file.

Nearly every flag has an environment variable, shown in brackets. A flag wins over its
variable, and both win over the configuration file.`,
		Example: `  levee run --upstream http://127.0.0.1:8080
  levee run --config levee.yaml
  levee check levee.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newRun(), newCheck(), newSchema(), newStatus(), newPurge(), newVersion())
	bindEnvironment(root)
	return root
}

// execute runs a command line and returns its exit code.
func execute(root *cobra.Command, arguments []string, stdout, stderr io.Writer) int {
	root.SetArgs(arguments)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	failure, ok := errors.AsType[*exitError](err)
	if !ok {
		// Commands return exitErrors; what else there is, cobra found wrong with the command line.
		failure = &exitError{code: exitUsage, err: err, hint: "See " + command.CommandPath() + " --help."}
	}
	if _, ok := errors.AsType[*config.Error](failure.err); ok {
		// It names its file, and speaks in lines of its own.
		fmt.Fprintln(stderr, failure.err)
	} else if failure.err != nil {
		fmt.Fprintf(stderr, "levee: %v\n", failure.err)
	}
	if failure.hint != "" {
		fmt.Fprintln(stderr, failure.hint)
	}
	return failure.code
}
