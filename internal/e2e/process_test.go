package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/admin"
)

// setup is how a levee is started.
type setup struct {
	// config is the YAML file's text; the harness adds the version, the health and
	// the admin port. Use addresses with port 0 and ask the process for the real ones.
	config string
	// args come after "run".
	args []string
	// env is added to the environment.
	env []string
	// stdout and stderr are inherited. Default: stdout is discarded, stderr kept
	// for the report of a failed test.
	stdout, stderr *os.File
	// build is which binary. Default: plain.
	build func() (string, error)
}

// levee is a running process.
type levee struct {
	t       *testing.T
	process *os.Process
	// file is the configuration's path.
	file string
	// addresses are the listeners', as bound, in the configuration's order.
	addresses []string

	admin, health *http.Client
	log           *tail
	// exited closes when the process has ended; then err says how.
	exited chan struct{}
	err    error
}

// start runs levee and waits until it is ready. At the test's end the process
// is asked to stop, without its delay, unless it has ended by then, and must
// exit with 0.
func start(t *testing.T, s setup) *levee {
	t.Helper()
	// Not t.TempDir: a socket's path has room for 107 bytes only.
	folder, err := os.MkdirTemp("", "levee-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })

	l := &levee{t: t, file: filepath.Join(folder, "levee.yaml"), log: &tail{}, exited: make(chan struct{})}
	adminSocket, healthSocket := filepath.Join(folder, "admin"), filepath.Join(folder, "health")
	l.admin, l.health = overSocket(adminSocket), overSocket(healthSocket)

	arguments := []string{"run"}
	if s.config != "" {
		l.write(s.config)
		arguments = append(arguments, "--config", l.file)
	}
	arguments = append(arguments, "--admin", "unix:"+adminSocket, "--health", "unix:"+healthSocket)
	if s.build == nil {
		s.build = plain
	}
	command := exec.Command(binary(t, s.build), append(arguments, s.args...)...)
	command.Dir = folder
	command.Env = append(os.Environ(), s.env...)
	command.Stderr = l.log
	if s.stdout != nil {
		command.Stdout = s.stdout
	}
	if s.stderr != nil {
		command.Stderr = s.stderr
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	l.process = command.Process
	go func() {
		l.err = command.Wait()
		close(l.exited)
	}()
	t.Cleanup(func() {
		select {
		case <-l.exited:
		default:
			l.stop(syscall.SIGINT)
		}
		if t.Failed() {
			t.Logf("levee's log:\n%s", l.log)
		}
	})

	eventually(t, 10*time.Second, "levee is ready", func() bool {
		select {
		case <-l.exited:
			t.Fatalf("levee ended: %v\n%s", l.err, l.log)
		default:
		}
		return l.ready()
	})
	for _, listener := range l.status().Proxy.Listeners {
		l.addresses = append(l.addresses, listener.Address)
	}
	return l
}

// write puts a configuration into levee's file, whole, as careful tools do.
func (l *levee) write(config string) {
	l.t.Helper()
	next := l.file + ".next"
	if err := os.WriteFile(next, []byte("apiVersion: levee/v1\n"+config), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(next, l.file); err != nil {
		l.t.Fatal(err)
	}
}

// signal sends a signal.
func (l *levee) signal(s os.Signal) {
	l.t.Helper()
	if err := l.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		l.t.Fatal(err)
	}
}

// stop sends a signal and wants exit code 0 within a bounded time.
func (l *levee) stop(s os.Signal) {
	l.t.Helper()
	l.signal(s)
	l.wait(0)
}

// wait waits for the process to end with the code given.
func (l *levee) wait(code int) {
	l.t.Helper()
	select {
	case <-l.exited:
	case <-time.After(45 * time.Second):
		l.process.Kill()
		l.t.Fatal("levee didn't end within 45 s")
	}
	if got := exitCode(l.err); got != code {
		l.t.Errorf("levee ended with %d (%v), want %d", got, l.err, code)
	}
}

// exitCode is what a process ended with; -1 when a signal ended it.
func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// get asks one of levee's own ports.
func get(client *http.Client, path string) (status int, body string, err error) {
	return ask(client, http.MethodGet, path)
}

// ask sends a request to one of levee's own ports and reads the answer whole.
func ask(client *http.Client, method, path string) (status int, body string, err error) {
	request, err := http.NewRequest(method, "http://localhost"+path, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// ready says whether the health port says so.
func (l *levee) ready() bool {
	status, _, err := get(l.health, "/ready")
	return err == nil && status == http.StatusOK
}

// status asks the admin port.
func (l *levee) status() admin.Status {
	l.t.Helper()
	code, body, err := get(l.admin, "/status?format=json")
	if err != nil || code != http.StatusOK {
		l.t.Fatalf("/status: %d %v\n%s", code, err, body)
	}
	var status admin.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		l.t.Fatalf("/status: %v\n%s", err, body)
	}
	return status
}

// metric adds up the samples whose name, with or without labels, begins so.
func (l *levee) metric(prefix string) float64 {
	l.t.Helper()
	_, body, err := get(l.health, "/metrics")
	if err != nil {
		l.t.Fatal(err)
	}
	var sum float64
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if fields := strings.Fields(line); len(fields) >= 2 {
			value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				l.t.Fatalf("metrics: %q: %v", line, err)
			}
			sum += value
		}
	}
	return sum
}

// goroutines counts those of the process.
func (l *levee) goroutines() int {
	l.t.Helper()
	_, body, err := get(l.admin, "/debug/pprof/goroutine?debug=1")
	if err != nil {
		l.t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscanf(body, "goroutine profile: total %d", &n); err != nil {
		l.t.Fatalf("%v: %.80q", err, body)
	}
	return n
}

// memory reads a line of /proc/PID/status, VmRSS or VmHWM, in bytes.
func (l *levee) memory(line string) int64 {
	l.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.process.Pid))
	if err != nil {
		l.t.Fatal(err)
	}
	for entry := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(entry, line+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				l.t.Fatal(err)
			}
			return kib << 10
		}
	}
	l.t.Fatalf("no %s in:\n%s", line, text)
	return 0
}

// overSocket is a client that speaks to a unix socket, one connection a request.
func overSocket(path string) *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			},
		},
	}
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - most; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
