package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/levee-proxy/levee/internal/admin"
)

// defaultAdmin is where levee status asks, and the configuration's default.
const defaultAdmin = "127.0.0.1:4481"

func newStatus() *cobra.Command {
	command := &cobra.Command{
		Use:   "status",
		Short: "Ask a running Levee how it goes",
		Long: `Ask a running Levee, on its admin port, how it goes: what is wrong, in words, and
what happens. An overloaded or failing upstream is told of, and doesn't make
Levee unhealthy.

Ends with 0 when Levee is live and ready, and with 1 when it can't be reached or
isn't ready: good for health checks.`,
		Example: `  levee status
  levee status --admin unix:/run/levee/admin --json`,
		Args: cobra.NoArgs,
	}
	address := command.Flags().String("admin", defaultAdmin, "admin address of the Levee to ask: HOST:PORT or unix:/PATH")
	asJSON := command.Flags().Bool("json", false, "print JSON")
	command.RunE = func(command *cobra.Command, _ []string) error {
		client, err := admin.NewClient(*address)
		if err != nil {
			return refused(fmt.Errorf("--admin %s: %w", *address, err))
		}
		status, err := client.Status(command.Context())
		if err != nil {
			return &exitError{exitFailure, fmt.Errorf("%s: %w", *address, err), "Does it run, and is its admin port there? --admin or LEVEE_ADMIN says where to ask."}
		}
		if err := writeStatus(command, status, *asJSON); err != nil {
			return failed(err)
		}
		if !status.Ready {
			// Why was printed as its first problem.
			return failed(nil)
		}
		return nil
	}
	return command
}

// writeStatus prints a status for people or for programs.
func writeStatus(command *cobra.Command, status *admin.Status, asJSON bool) error {
	out := command.OutOrStdout()
	if !asJSON {
		return admin.WriteText(out, status)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(status)
}
