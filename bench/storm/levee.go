package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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

// levee is a running process.
type levee struct {
	// address is where it takes requests.
	address string
	pid     int
	admin   *admin.Client

	command *exec.Cmd
	folder  string
	said    strings.Builder // what it wrote to stderr
	exited  chan struct{}
	err     error // of its end
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
	l := &levee{folder: folder, exited: make(chan struct{})}
	l.command = exec.Command(binary, arguments...)
	l.command.Dir, l.command.Stderr = folder, &l.said
	// What it learns is forgotten with its folder, wherever it may be kept.
	l.command.Env = append(os.Environ(), "HOME="+folder, "XDG_STATE_HOME="+folder, "XDG_CACHE_HOME="+folder)
	if l.admin, err = admin.NewClient(socket); err != nil {
		return nil, err
	}
	if err := l.command.Start(); err != nil {
		return nil, err
	}
	l.pid = l.command.Process.Pid
	go func() {
		l.err = l.command.Wait()
		close(l.exited)
	}()
	if err := l.ready(ctx); err != nil {
		_ = l.command.Process.Kill()
		<-l.exited
		os.RemoveAll(folder)
		return nil, fmt.Errorf("starting levee: %w\n%s", err, l.said.String())
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

// ready waits until levee says where it listens.
func (l *levee) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.exited:
			return errors.Join(errors.New("it ended"), l.err)
		case <-tick.C:
		}
		status, err := l.admin.Status(ctx)
		if err == nil && status.Ready && len(status.Proxy.Listeners) > 0 {
			l.address = status.Proxy.Listeners[0].Address
			return nil
		}
	}
}

// stop ends it, and says if it didn't end as it should.
func (l *levee) stop() error {
	defer os.RemoveAll(l.folder)
	_ = l.command.Process.Signal(syscall.SIGTERM) // if it has ended already, exited says so
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case <-l.exited:
	case <-patience.C:
		_ = l.command.Process.Kill()
		<-l.exited
		return errors.New("levee didn't drain within 20 s")
	}
	if l.err != nil {
		return fmt.Errorf("levee: %w\n%s", l.err, l.said.String())
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
