// Package process runs the programs that are measured: it starts them, waits
// until they are ready, and ends them.
package process

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	command *exec.Cmd
	said    output
	exited  chan struct{}
	err     error // of its end
}

// Start starts a program, whose standard error is kept. Standard output goes
// where the command says: nowhere, as a rule, so that an access log there costs
// its writer alone.
func Start(command *exec.Cmd) (*Process, error) {
	p := &Process{command: command, exited: make(chan struct{})}
	command.Stderr = &p.said
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// PID is its number.
func (p *Process) PID() int { return p.command.Process.Pid }

// Exited is closed when it has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Ready tries something every 20 ms until it succeeds, for as long as patience.
// The error of a program that ends instead, or takes longer, has what it said.
func (p *Process) Ready(ctx context.Context, patience time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
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

// Stop ends it: kindly, and when patience is over, by force. The error says that
// it had to be forced, or didn't end well, and then has what it said.
func (p *Process) Stop(patience time.Duration) error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // if it has ended already, exited says so
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.Kill()
		return errors.New("it didn't end within " + patience.String())
	}
	if p.err != nil {
		return errors.Join(p.err, errors.New(p.said.String()))
	}
	return nil
}

// Kill ends it by force.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

// kept is how much is kept of what a program says: why it doesn't start is said
// at its beginning.
const kept = 8 << 10

// output is the beginning of what a program says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := kept - o.text.Len(); room > 0 {
		o.text.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
