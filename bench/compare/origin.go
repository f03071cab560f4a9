package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/levee-proxy/levee/bench/internal/process"
)

// origin is the service that all proxies stand before: nginx, which answers a
// request in less CPU time than any of them needs to pass it on.
type origin struct {
	*process.Process
	address string
	pids    []int  // of all that serve
	counter string // where it tells how many requests it had
}

// startOrigin starts it in a folder.
func startOrigin(ctx context.Context, folder string) (*origin, error) {
	path, err := findProgram("nginx")
	if err != nil {
		return nil, fmt.Errorf("the origin needs nginx (internal/tools/deps.sh bench installs it): %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := site{Folder: folder, Port: ports[0], Spare: ports[1], benchCase: &benchCase{}}
	for name, size := range map[string]int{"body-4k": 4 << 10, "body-64k": 64 << 10, "body-1m": 1 << 20} {
		if err := os.WriteFile(filepath.Join(folder, name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			return nil, err
		}
	}
	if err := s.writeFiles("origin.conf"); err != nil {
		return nil, err
	}
	o := &origin{address: fmt.Sprintf("127.0.0.1:%d", ports[0]), counter: fmt.Sprintf("http://127.0.0.1:%d/count", ports[1])}
	if o.Process, err = launch(path, []string{"-e", "stderr", "-p", folder, "-c", filepath.Join(folder, "origin.conf")}, nil); err != nil {
		return nil, err
	}
	if err := o.Ready(ctx, startPatience, func() error { _, err := o.requests(); return err }); err != nil {
		_ = o.Stop(stopPatience)
		return nil, fmt.Errorf("starting the origin: %w", err)
	}
	o.pids = []int{o.PID()}
	return o, nil
}

// cpu is what all that serve have used.
func (o *origin) cpu() (sum time.Duration, err error) {
	for _, pid := range o.pids {
		u, err := usageOf(pid)
		if err != nil {
			return 0, err
		}
		sum += u.cpu
	}
	return sum, nil
}

// handled finds the third number of nginx's "accepts handled requests".
var handled = regexp.MustCompile(`\n \d+ \d+ (\d+) \n`)

// requests is how many the origin has had.
func (o *origin) requests() (int, error) {
	answer, err := http.Get(o.counter)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	m := handled.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("the origin counts strangely: %q", text)
	}
	return strconv.Atoi(string(m[1]))
}

// openHole listens and never answers.
func openHole() (address string, closeHole func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go func() { _, _ = io.Copy(io.Discard, c) }() // until the other side has enough
			}
		}
	}()
	return l.Addr().String(), func() { l.Close() }, nil
}
