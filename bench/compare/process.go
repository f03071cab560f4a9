package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is a running program.
type process struct {
	command *exec.Cmd
	said    output
	exited  chan struct{}
	err     error // of its end
}

// output keeps the beginning of what a process says: why it doesn't start.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := 8<<10 - o.text.Len(); room > 0 {
		o.text.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// launch starts a program. What it writes to standard output goes nowhere, so
// that an access log there costs its writer alone.
func launch(path string, arguments, environment []string) (*process, error) {
	p := &process{command: exec.Command(path, arguments...), exited: make(chan struct{})}
	p.command.Stderr = &p.said
	p.command.Env = append(os.Environ(), environment...)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends it, kindly at first.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	patience := time.NewTimer(5 * time.Second)
	defer patience.Stop()
	select {
	case <-p.exited:
	case <-patience.C:
		_ = p.command.Process.Kill()
		<-p.exited
	}
}

// ready waits until something holds, at most 20 s: a cold start, and a limit that has to be exceeded first.
func (p *process) ready(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), last, errors.New(p.said.String()))
		case <-p.exited:
			return errors.Join(errors.New("it ended"), p.err, errors.New(p.said.String()))
		case <-tick.C:
		}
		if last = try(); last == nil {
			return nil
		}
	}
}

// running is a proxy under test.
type running struct {
	peer
	site
	of site // that it was made from
	*process

	held net.Conn // with a request that takes all there is, where others are to be refused
}

// startPeer starts a proxy for a case and waits until it answers as it should.
func startPeer(ctx context.Context, p peer, s site) (*running, error) {
	r := &running{peer: p, site: s, of: s}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	r.Port, r.Spare, r.Engine = ports[0], ports[1], p.engine
	name := fmt.Sprint(p.name, "-", r.Port) // a case may have it more than once
	r.Folder, r.Memory = filepath.Join(s.Folder, name), filepath.Join(s.Memory, name)
	for _, folder := range []string{r.Folder, r.Memory} {
		// Workers that gave up being root have to get in.
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.Chmod(folder, 0o755)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(writeCertificate(r.Folder), r.writeFiles(p.files...)); err != nil {
		return nil, err
	}
	arguments, environment := p.command(&r.site)
	if r.process, err = launch(p.path, arguments, environment); err != nil {
		return nil, err
	}
	if s.Role == refused {
		err = r.ready(ctx, func() (err error) { r.held, err = r.hold(); return err })
	}
	if err == nil {
		err = r.ready(ctx, r.probe)
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("%s doesn't answer as it should: %w", p.name, err)
	}
	return r, nil
}

// close stops a proxy and removes what it left.
func (r *running) close() {
	if r.held != nil {
		r.held.Close()
	}
	r.stop()
	os.RemoveAll(r.Folder)
	os.RemoveAll(r.Memory)
}
