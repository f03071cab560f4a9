package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImage runs the container image named by LEVEE_E2E_IMAGE as a cluster
// would: by its own entry point and user, on the machine's network.
func TestImage(t *testing.T) {
	image := os.Getenv("LEVEE_E2E_IMAGE")
	if image == "" {
		t.Skip("LEVEE_E2E_IMAGE is not set: make image-test sets it")
	}
	const most = 30_000_000

	settings := imageSettings(t, image)
	if settings.User != "65532:65532" || fmt.Sprint(settings.Entrypoint, settings.Cmd) != "[/levee] [run]" {
		t.Errorf("user %q, entry point %v, command %v", settings.User, settings.Entrypoint, settings.Cmd)
	}
	if got := strings.Join(settings.Healthcheck.Test, " "); got != "CMD /levee status" {
		t.Errorf("health check: %q", got)
	}

	container := strings.TrimSpace(buildah(t, "from", image))
	t.Cleanup(func() { buildah(t, "rm", container) })
	folder := strings.TrimSpace(buildah(t, "mount", container))
	program, err := os.Stat(filepath.Join(folder, "levee"))
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := os.Stat(filepath.Join(folder, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		t.Fatal(err)
	}
	size := program.Size() + authorities.Size()
	t.Logf("%.1f MB", float64(size)/1e6)
	if size > most {
		t.Errorf("the image holds %d bytes, want less than %d", size, most)
	}

	address := origin(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "through the image") })
	url := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	admin := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	within := func(command ...string) *exec.Cmd {
		return buildahCommand(append([]string{
			"run", "--isolation", "chroot",
			"--env", "LEVEE_UPSTREAM=http://" + address, "--env", "LEVEE_LISTEN=" + url[len("http://"):],
			"--env", "LEVEE_ADMIN=" + admin, "--env", fmt.Sprintf("LEVEE_HEALTH=127.0.0.1:%d", freePort(t)),
			container, "--", "/levee",
		}, command...)...)
	}
	log := &tail{}
	running := within(settings.Cmd...)
	running.Stderr = log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- running.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("levee's log:\n%s", log)
		}
	})

	eventually(t, 30*time.Second, "an answer through the container", func() bool { return fetch(http1(), url) == nil })
	if output, err := within(settings.Healthcheck.Test[2:]...).CombinedOutput(); err != nil {
		t.Errorf("levee status inside: %v\n%s", err, output)
	} else {
		t.Logf("levee status inside:\n%s", output)
	}

	inside := descendant(t, running.Process.Pid, "/levee")
	if inside == 0 {
		t.Fatal("the process isn't found")
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", inside)); err != nil || !strings.Contains(string(status), "\nUid:\t65532\t") {
		t.Errorf("not run as 65532: %v", err)
	}
	// buildah passes no signals on, so it goes to the process itself, as an orchestrator's does.
	if err := syscall.Kill(inside, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-exited:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(45 * time.Second):
		syscall.Kill(inside, syscall.SIGKILL)
		t.Error("didn't end within 45 s of SIGTERM")
	}
	if output, err := within("status").CombinedOutput(); exitCode(err) != 1 {
		t.Errorf("levee status after the end: %v, want exit code 1\n%s", err, output)
	}
}

// containerSettings is what an image says about how it is run.
type containerSettings struct {
	User            string
	Entrypoint, Cmd []string
	Healthcheck     struct{ Test []string }
}

// imageSettings reads an image's settings.
func imageSettings(t *testing.T, image string) containerSettings {
	t.Helper()
	var inspected struct {
		Docker struct {
			Config containerSettings `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(buildah(t, "inspect", "--type", "image", image)), &inspected); err != nil {
		t.Fatal(err)
	}
	return inspected.Docker.Config
}

// buildah runs it on the storage that make image used, and returns what it prints.
func buildah(t *testing.T, arguments ...string) string {
	t.Helper()
	command := buildahCommand(arguments...)
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("buildah %v: %v\n%s", arguments, err, complaint.String())
	}
	return string(output)
}

// buildahCommand goes by the script that knows the storage.
func buildahCommand(arguments ...string) *exec.Cmd {
	script := `source internal/tools/storage.sh; b "$@"`
	command := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "buildah"}, arguments...)...)
	command.Dir = root
	return command
}

// descendant finds the process below another whose first argument is given; 0 if there is none.
func descendant(t *testing.T, ancestor int, name string) int {
	t.Helper()
	// Each thread lists the children that it started.
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", ancestor))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		children, _ := os.ReadFile(thread) // it may have ended
		for field := range strings.FieldsSeq(string(children)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			if first, _, _ := strings.Cut(string(line), "\x00"); first == name {
				return child
			}
			if found := descendant(t, child, name); found != 0 {
				return found
			}
		}
	}
	return 0
}
