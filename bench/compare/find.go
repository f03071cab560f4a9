package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// module is this one, whose levee is built.
const module = "github.com/levee-proxy/levee"

// find looks for a peer's program on the PATH and where Debian and this
// repository's Makefile put it, and asks it for its version.
func (p *peer) find() error {
	switch p.program {
	case levee:
		p.version = "of this tree"
		return nil // it is built
	case bareGoArgument:
		return p.findBareGo()
	}
	path, err := findProgram(p.program)
	if err != nil {
		return err
	}
	p.path = path
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, p.path, p.ask).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", p.program, err)
	}
	p.version = string(regexp.MustCompile(`\d+\.\d+\.\d+`).Find(said))
	return nil
}

// findProgram looks for a program on the PATH, then in folders that aren't on everybody's.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin", "bin/peers"} {
		if path, err := filepath.Abs(filepath.Join(folder, name)); err == nil {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s is not here", name)
}

// build compiles levee as it ships into a folder.
func build(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "bin", levee)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, module+"/cmd/levee")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building levee: %w\n%s", err, output)
	}
	return binary, nil
}
