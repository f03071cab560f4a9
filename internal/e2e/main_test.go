package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// root is the repository's, as seen from this package's folder.
const root = "../.."

// programs is where the binaries under test are built, once for all tests.
var programs string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "levee-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	programs = folder
	return m.Run()
}

// plain is levee as it ships: what memory and start-up time are measured on.
var plain = sync.OnceValues(func() (string, error) {
	return build("levee", "CGO_ENABLED=0", "-trimpath", "-ldflags", "-s -w -X main.version=v0.0.0-e2e")
})

// watched is levee with the race detector where this test has it, for tests of
// what goes on at the same time: signals, reloads, load.
var watched = sync.OnceValues(func() (string, error) {
	if !raceDetector {
		return plain()
	}
	return build("levee-race", "CGO_ENABLED=1", "-race", "-ldflags", "-X main.version=v0.0.0-e2e")
})

// build compiles cmd/levee.
func build(name, env string, flags ...string) (string, error) {
	binary := filepath.Join(programs, name)
	arguments := append([]string{"build", "-buildvcs=false", "-o", binary}, flags...)
	command := exec.Command("go", append(arguments, "./cmd/levee")...)
	command.Dir = root
	command.Env = append(os.Environ(), env)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building levee: %w\n%s", err, output)
	}
	return binary, nil
}

// binary returns the path of a build, or fails the test.
func binary(t *testing.T, built func() (string, error)) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
