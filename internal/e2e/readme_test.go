package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the README shows, works.
func TestREADME(t *testing.T) { follow(t, "README.md") }

// So does what the guide to caching shows.
func TestCachingGuide(t *testing.T) { follow(t, "docs/caching.md") }

// follow does what a page says: each YAML snippet of Levee's passes levee check,
// and the commands of each sh block are run, one after another. A command that
// serves goes on in the background until the next one that serves; a file that
// it reads is the snippet shown last before it.
func follow(t *testing.T, page string) {
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	terminal := newTerminal(t, page)
	for _, block := range blocks(string(text)) {
		switch {
		case block.language == "yaml" && strings.Contains(block.text, "levee/v1"):
			ran++
			terminal.save(block)
		case block.language == "sh":
			ran++
			terminal.run(block)
		}
	}
	if ran == 0 {
		t.Error("no sh or yaml block was found")
	}
}

// block is one fenced block of a Markdown text.
type block struct {
	language, text string
	line           int
}

// blocks finds them.
func blocks(markdown string) []block {
	var all []block
	var open *block
	number := 0
	for line := range strings.Lines(markdown) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &block{language: strings.TrimSpace(fence), line: number}
		case isFence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	return all
}

// terminal is where a page's commands are typed.
type terminal struct {
	t    *testing.T
	page string
	// folder is where commands run, and repository where make does.
	folder, repository string
	// env brings the binary into the path, and listen, unless a file says where.
	env    []string
	listen string
	// ports puts free ports in the place of the page's, and a service in the place of the user's.
	ports *strings.Replacer
	// stop ends what serves in the background.
	stop func()
}

// newTerminal prepares a place where nothing else on the machine is in the way.
func newTerminal(t *testing.T, page string) *terminal {
	t.Helper()
	service := origin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	traffic, admin, health := freePort(t), freePort(t), freePort(t)
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	terminal := &terminal{
		t:          t,
		page:       page,
		folder:     t.TempDir(),
		repository: repository,
		listen:     fmt.Sprintf("127.0.0.1:%d", traffic),
		ports: strings.NewReplacer(
			"4480", fmt.Sprint(traffic), "4481", fmt.Sprint(admin), "4482", fmt.Sprint(health),
			"127.0.0.1:8080", service, "localhost:8080", service,
		),
		env: append(
			os.Environ(),
			"PATH="+filepath.Dir(binary(t, plain))+":"+os.Getenv("PATH"),
			fmt.Sprintf("LEVEE_ADMIN=127.0.0.1:%d", admin),
			fmt.Sprintf("LEVEE_HEALTH=127.0.0.1:%d", health),
		),
		stop: func() {},
	}
	t.Cleanup(func() { terminal.stop() })
	return terminal
}

// save checks a snippet, and keeps it as the file that later commands read.
func (c *terminal) save(snippet block) {
	c.t.Helper()
	file := filepath.Join(c.folder, "levee.yaml")
	if err := os.WriteFile(file, []byte(c.ports.Replace(snippet.text)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if code, stdout, stderr := command(c.t, nil, "check", file); code != 0 {
		c.t.Errorf("%s:%d: ended with %d\n%s%s", c.page, snippet.line, code, stdout, stderr)
	}
}

// run types the commands of a block.
func (c *terminal) run(commands block) {
	c.t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(commands.text, "\\\n", " ")) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "$ "))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		typed := c.ports.Replace(line)
		switch {
		case elsewhere(words):
			c.t.Logf("not run here: %s", line)
		case words[0] == "make" && len(words) > 1 && words[1] == "run":
			c.serve(strings.Replace(typed, "make", "make -C '"+c.repository+"'", 1))
		case words[0] == "make":
			// The build's other targets can't be run from within one of them; that they exist can be seen.
			c.finish("make -C '" + c.repository + "' -n " + strings.Join(words[1:], " "))
		case strings.Contains(line, "levee run"):
			c.serve(typed)
		default:
			c.finish(typed)
		}
	}
}

// elsewhere says that a command needs what a test has not: a registry, a cluster, the network.
func elsewhere(words []string) bool {
	switch words[0] {
	case "docker", "podman", "kubectl", "helm", "git", "cd", "sudo", "apt-get":
		return true
	case "go":
		return len(words) > 1 && words[1] == "install"
	}
	return false
}

// bash prepares a command line.
func (c *terminal) bash(ctx context.Context, line string) *exec.Cmd {
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", line)
	command.Dir = c.folder
	command.Env = c.env
	return command
}

// finish runs a command to its end, which has to be a good one.
func (c *terminal) finish(line string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	output, err := c.bash(ctx, line).CombinedOutput()
	if err != nil {
		c.t.Errorf("%s: %v\n%s", line, err, output)
		return
	}
	c.t.Logf("%s\n%s", line, output)
}

// serve runs a command in the background, in the place of the one before it,
// and waits until it listens.
func (c *terminal) serve(line string) {
	c.t.Helper()
	c.stop()
	log := &tail{}
	command := c.bash(context.Background(), strings.TrimSuffix(line, "&"))
	if file, _ := os.ReadFile(filepath.Join(c.folder, "levee.yaml")); !strings.Contains(line, "--config") || !strings.Contains(string(file), "listeners:") {
		command.Env = append(command.Env, "LEVEE_LISTEN="+c.listen)
	}
	command.Stdout, command.Stderr = log, log
	// A group of its own, so that a signal reaches levee below make.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		command.Wait()
	}()
	c.stop = func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGINT)
		<-exited
	}
	eventually(c.t, time.Minute, line+" listens", func() bool {
		select {
		case <-exited:
			c.t.Fatalf("%s: ended: %v\n%s", line, command.ProcessState, log)
		default:
		}
		conn, err := net.Dial("tcp", c.listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
