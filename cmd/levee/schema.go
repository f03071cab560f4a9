package main

import (
	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/config"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the configuration's JSON Schema, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of the configuration file. Editors that
know it complete keys, explain them and mark mistakes while you type. With the
YAML language server, a file names its schema in its first line:

  # yaml-language-server: $schema=levee.schema.json`,
		Example: "  levee schema > levee.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := command.OutOrStdout().Write(config.Schema())
			return wrapFailure(err)
		},
	}
}
