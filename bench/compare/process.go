package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/levee-proxy/levee/bench/internal/process"
)

// What a program is given for a cold start, and a limit that has to be exceeded
// first; and for its end.
const (
	startPatience = 20 * time.Second
	stopPatience  = 5 * time.Second
)

// launch starts a program.
func launch(path string, arguments, environment []string) (*process.Process, error) {
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), environment...)
	return process.Start(command)
}

// running is a proxy under test.
type running struct {
	peer
	site
	of site // that it was made from
	*process.Process

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
	if r.Process, err = launch(p.path, arguments, environment); err != nil {
		return nil, err
	}
	if s.Role == refused {
		err = r.Ready(ctx, startPatience, func() (err error) { r.held, err = r.hold(); return err })
	}
	if err == nil {
		err = r.Ready(ctx, startPatience, r.probe)
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
	_ = r.Stop(stopPatience) // however it goes, it has been measured
	os.RemoveAll(r.Folder)
	os.RemoveAll(r.Memory)
}
