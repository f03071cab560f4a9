package clients

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// root is the repository's, as seen from this package's folder.
const root = "../../.."

// binary is the levee under test: LEVEE_BIN, or built once for all tests.
var binary = os.Getenv("LEVEE_BIN")

func TestMain(m *testing.M) {
	if address := os.Getenv(awsNextAddress); address != "" {
		if err := awsSDK.call(context.Background(), address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	// These tests mostly wait, each for its own client: many can do it at once.
	if err := flag.Set("test.parallel", "24"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if binary != "" {
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "levee-clients-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "levee")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", binary, "./cmd/levee")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building levee: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}
