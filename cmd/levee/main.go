// Command levee is the proxy and its tools: flags and wiring, nothing else.
//
// Exit codes: 0 done; 1 it failed while running; 2 it was asked wrongly, by
// flags or by configuration.
package main

import (
	"os"
)

// version is set by the linker for releases; see buildVersion.
var version string

func main() {
	os.Exit(execute(newRoot(), os.Args[1:], os.Stdout, os.Stderr))
}
