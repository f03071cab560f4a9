package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

// Two programs are measured beside the proxies that are none: they read and
// write, and do nothing else. A proxied request takes four calls of the system
// at least, a refused one two, whoever makes them; where that floor lies can't
// be reckoned, only measured. One of them is in C, with one thread and epoll:
// less than it takes, no proxy can. The other is in Go, with goroutines that wait
// for their connections, as Levee's do.

// compileBare makes the one in C.
func compileBare(ctx context.Context, compiler, folder string) (string, error) {
	source, binary := filepath.Join(folder, "bare.c"), filepath.Join(folder, "bare")
	text, err := templates.ReadFile("peers/bare.c")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(source, text, 0o644); err != nil {
		return "", err
	}
	if said, err := exec.CommandContext(ctx, compiler, "-O2", "-Wall", "-o", binary, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, said)
	}
	return binary, nil
}

// findBareGo finds the one in Go: this program.
func (p *peer) findBareGo() (err error) {
	p.path, err = os.Executable()
	p.version = runtime.Version()
	return err
}

// bareArguments are those of both.
func (s *site) bareArguments() []string {
	port := strconv.Itoa(s.Port)
	if s.Role == proxied {
		return []string{"relay", port, s.OriginPort()}
	}
	return []string{"answer", port, s.bareAnswer()}
}

// refusalSize is that of Levee's refusal, with its header, in bytes.
const refusalSize = 446

// bareAnswer is what they answer with: a refusal of the size of Levee's, or as
// a cache would.
func (s *site) bareAnswer() string {
	const form = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
	if s.Role == cached {
		return fmt.Sprintf(form, "200 OK", s.Size, s.Fill(s.Size))
	}
	const status = "503 Service Unavailable"
	size := refusalSize - len(fmt.Sprintf(form, status, refusalSize, ""))
	return fmt.Sprintf(form, status, size, s.Fill(size))
}
