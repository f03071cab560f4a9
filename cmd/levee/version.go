package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what is known of this binary.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// currentBuild asks the linker's flags first, then what the go command left.
func currentBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	return b
}

// String is the one line of levee version.
func (b build) String() string {
	return fmt.Sprintf("levee %s (%s, %s)", b.Version, b.Go, b.Platform)
}

func newVersion() *cobra.Command {
	command := &cobra.Command{
		Use:     "version",
		Short:   "Print which Levee this is",
		Example: "  levee version --json",
		Args:    cobra.NoArgs,
	}
	asJSON := command.Flags().Bool("json", false, "print JSON")
	command.RunE = func(command *cobra.Command, _ []string) error {
		out := command.OutOrStdout()
		if !*asJSON {
			_, err := fmt.Fprintln(out, currentBuild())
			return wrapFailure(err)
		}
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return wrapFailure(encoder.Encode(currentBuild()))
	}
	return command
}
