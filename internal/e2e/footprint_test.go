package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A start takes less than a second until the first answer, and an idle process
// less than 25 MB.
func TestStartAndIdleFootprint(t *testing.T) {
	const mostTime, mostMemory = time.Second, 25_000_000
	address := origin(t, func(http.ResponseWriter, *http.Request) {})
	folder := t.TempDir()
	url := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	program := binary(t, plain)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	log := &tail{}
	command := exec.Command(program, "run", "--upstream", "http://"+address, "--listen", url[len("http://"):], "--admin", "off", "--health", "off")
	command.Dir = folder
	command.Stderr = log
	began := time.Now()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		command.Process.Signal(syscall.SIGINT)
		if err := command.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	}()
	eventually(t, 10*time.Second, "the first answer", func() bool { return fetch(client, url) == nil })
	took := time.Since(began)

	l := &levee{t: t, process: command.Process}
	idle := l.memory("VmRSS")
	info, err := os.Stat(filepath.Clean(program))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first answer after %v; idle at %.1f MB resident; binary %.1f MB", took.Round(time.Millisecond), float64(idle)/1e6, float64(info.Size())/1e6)
	if took > mostTime {
		t.Errorf("the first answer took %v, want less than %v", took, mostTime)
	}
	if idle > mostMemory {
		t.Errorf("%d bytes resident when idle, want less than %d", idle, mostMemory)
	}
}
