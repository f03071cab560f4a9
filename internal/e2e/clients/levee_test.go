package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startLevee runs levee with a configuration of one listener, until the test
// ends, and returns the listener's address.
func startLevee(t *testing.T, config string) (address string) {
	t.Helper()
	// Not t.TempDir: a socket's path has room for 107 bytes only.
	folder, err := os.MkdirTemp("", "levee-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	file, admin := filepath.Join(folder, "levee.yaml"), filepath.Join(folder, "admin")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "run", "--config", file, "--admin", "unix:"+admin, "--health", "off")
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		command.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		command.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(30 * time.Second):
			command.Process.Kill()
			<-exited
			t.Error("levee didn't end within 30 s")
		}
		if t.Failed() {
			t.Logf("levee ended: %v\n%s", command.ProcessState, log.String())
		}
	})

	// Another process sends no event when it is ready, so it is asked.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case <-tick.C:
			if address, ok := listener(admin); ok {
				return address
			}
		case <-exited:
			t.Fatal("levee ended")
		case <-deadline:
			t.Fatal("levee isn't ready after 20 s")
		}
	}
}

// listener asks levee's admin socket for the address that it listens on.
func listener(admin string) (address string, ok bool) {
	overSocket := &http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", admin)
		},
	}}
	answer, err := overSocket.Get("http://levee/status?format=json")
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	var status struct {
		Proxy struct {
			Listeners []struct {
				Address string `json:"address"`
			} `json:"listeners"`
		} `json:"proxy"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&status); err != nil || len(status.Proxy.Listeners) != 1 {
		return "", false
	}
	return status.Proxy.Listeners[0].Address, true
}
