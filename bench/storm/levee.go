package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/levee-proxy/levee/bench/internal/process"
	"github.com/levee-proxy/levee/internal/admin"
	"github.com/levee-proxy/levee/proxy"
)

// module is this one, whose levee is built.
const module = "github.com/levee-proxy/levee"

// build compiles levee as it ships into a folder of its own, which remove deletes.
func build(ctx context.Context) (binary string, remove func(), err error) {
	folder, err := os.MkdirTemp("", "levee-storm-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(folder) }
	binary = filepath.Join(folder, "levee")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, module+"/cmd/levee")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("building levee: %w\n%s", err, output)
	}
	return binary, remove, nil
}

// What levee is given for its start, and to drain.
const (
	startPatience = 10 * time.Second
	stopPatience  = 20 * time.Second
)

// levee is a running process.
type levee struct {
	// address is where it takes requests.
	address string
	admin   *admin.Client
	folder  string
	*process.Process
}

// startLevee runs levee in front of a service and waits until it is ready.
// Ports apart it has no configuration, unless a part of it is to be off. Each
// process has a folder of its own: nothing is learned from the one before.
func startLevee(ctx context.Context, binary, upstream string, through way) (*levee, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "levee-storm-")
	if err != nil {
		return nil, err
	}
	socket := "unix:" + filepath.Join(folder, "admin")
	arguments := []string{"run", "--listen", "127.0.0.1:0", "--health", "off", "--admin", socket}
	if through != throughLevee {
		file := filepath.Join(folder, "levee.yaml")
		if err := os.WriteFile(file, []byte(without(through, upstream)), 0o600); err != nil {
			return nil, err
		}
		arguments = append(arguments, "--config", file)
	} else {
		arguments = append(arguments, "--upstream", upstream)
	}
	l := &levee{folder: folder}
	command := exec.Command(binary, arguments...)
	command.Dir = folder
	// What it learns is forgotten with its folder, wherever it may be kept.
	command.Env = append(os.Environ(), "HOME="+folder, "XDG_STATE_HOME="+folder, "XDG_CACHE_HOME="+folder)
	if l.admin, err = admin.NewClient(socket); err != nil {
		return nil, err
	}
	if l.Process, err = process.Start(command); err != nil {
		return nil, err
	}
	if err := l.Ready(ctx, startPatience, func() error { return l.find(ctx) }); err != nil {
		l.Kill()
		os.RemoveAll(folder)
		return nil, fmt.Errorf("starting levee: %w", err)
	}
	return l, nil
}

// without is a configuration that switches off what a way goes without.
func without(through way, upstream string) string {
	off := "storm: {mode: off}"
	if through == limitOff {
		off += ", concurrency: {mode: off}"
	}
	return fmt.Sprintf("apiVersion: levee/v1\nroutes: [{upstream: service}]\nupstreams:\n- {name: service, endpoints: [%q], %s}\n", upstream, off)
}

// find asks levee where it listens.
func (l *levee) find(ctx context.Context) error {
	status, err := l.admin.Status(ctx)
	switch {
	case err != nil:
		return err
	case !status.Ready || len(status.Proxy.Listeners) == 0:
		return errors.New("it isn't ready")
	}
	l.address = status.Proxy.Listeners[0].Address
	return nil
}

// stop ends it, and says if it didn't end as it should.
func (l *levee) stop() error {
	defer os.RemoveAll(l.folder)
	if err := l.Stop(stopPatience); err != nil {
		return fmt.Errorf("levee: %w", err)
	}
	return nil
}

// look asks Levee what its limiter does; nil if it has none, or doesn't say.
func (l *levee) look(ctx context.Context) *proxy.AdmissionStatus {
	status, err := l.admin.Status(ctx)
	if err != nil || len(status.Proxy.Upstreams) == 0 || len(status.Proxy.Upstreams[0].Endpoints) == 0 {
		return nil
	}
	return status.Proxy.Upstreams[0].Endpoints[0].Admission
}
