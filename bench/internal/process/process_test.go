package process

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// start runs a line of shell.
func start(t *testing.T, line string) *Process {
	t.Helper()
	p, err := Start(exec.Command("bash", "-c", line))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// TestReady waits for as long as it takes, and tells why it wasn't.
func TestReady(t *testing.T) {
	never := errors.New("not yet")
	for _, tc := range []struct {
		name, line string
		patience   time.Duration
		tries      int // after which it is ready; 0: never
		want       []string
	}{
		{"ready at the third try", "sleep 60", time.Minute, 3, nil},
		{"it ends", "echo no such port >&2; exit 3", time.Minute, 0, []string{"it ended", "exit status 3", "no such port"}},
		{"it takes too long", "sleep 60", 50 * time.Millisecond, 0, []string{"deadline exceeded"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tried := 0
			err := start(t, tc.line).Ready(t.Context(), tc.patience, func() error {
				if tried++; tried == tc.tries {
					return nil
				}
				return never
			})
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("ready: %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q doesn't say %q", err, part)
				}
			}
		})
	}
}

// TestStop is kind first, and says when that wasn't enough.
func TestStop(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"it ends well", "trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.01; done", ""},
		{"it ends badly", "trap 'echo broken >&2; exit 4' TERM; echo up >&2; while :; do sleep 0.01; done", "exit status 4\nup\nbroken"},
		{"it doesn't end", "trap '' TERM; echo up >&2; while :; do sleep 0.01; done", "didn't end within 50ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := start(t, tc.line)
			err := p.Ready(t.Context(), time.Minute, func() error { // it has set its trap
				if p.said.String() == "" {
					return errors.New("silent")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			patience := 50 * time.Millisecond
			if !strings.Contains(tc.want, "within") {
				patience = time.Minute
			}
			switch err := p.Stop(patience); {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("stopped: %v, want %q", err, tc.want)
			}
			select {
			case <-p.Exited():
			default:
				t.Error("it runs still")
			}
		})
	}
}

// TestOutput keeps the beginning, and takes the rest.
func TestOutput(t *testing.T) {
	var o output
	for range 3 {
		if n, err := o.Write(make([]byte, kept/2+1)); n != kept/2+1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if n := len(o.String()); n != kept {
		t.Errorf("%d bytes are kept, want %d", n, kept)
	}
}
