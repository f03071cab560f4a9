package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable is the environment variable of a flag: --log-level has LEVEE_LOG_LEVEL.
func variable(flag string) string {
	return "LEVEE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// unbound marks a flag that has no variable.
const unbound = "levee_unbound"

// notFromEnvironment keeps a flag from being set by a variable: what can't be
// taken back is said on the command line, or not at all.
func notFromEnvironment(flags *pflag.FlagSet, name string) {
	_ = flags.SetAnnotation(name, unbound, nil) // fails only for a flag that isn't there
}

func isUnbound(flag *pflag.Flag) bool {
	_, is := flag.Annotations[unbound]
	return is
}

// bindEnvironment gives every flag below root its variable: in the help text,
// and as its value where the flag isn't given. An empty variable counts as not set,
// since that is how orchestrators pass on what nobody chose.
func bindEnvironment(root *cobra.Command) {
	for _, command := range root.Commands() {
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			if isUnbound(flag) {
				return
			}
			flag.Usage += " [$" + variable(flag.Name) + "]"
		})
		command.PreRunE = func(command *cobra.Command, _ []string) error {
			return fromEnvironment(command.Flags(), os.Getenv)
		}
		bindEnvironment(command)
	}
}

// fromEnvironment sets the flags that were not given. The errors of all
// variables come at once.
func fromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var all []error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := variable(flag.Name)
		value := getenv(name)
		if value == "" || flag.Changed || flag.Name == "help" || isUnbound(flag) {
			return
		}
		if err := flags.Set(flag.Name, value); err != nil {
			all = append(all, fmt.Errorf("invalid %s=%q: it stands for --%s, a %s", name, value, flag.Name, flag.Value.Type()))
		}
	})
	return errors.Join(all...)
}
