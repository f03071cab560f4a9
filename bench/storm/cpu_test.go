package main

import (
	"os"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	t.Parallel()
	// The name holds what would mislead whoever splits at blanks.
	stat := "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 125 75 13 14 20 0 1 0 100"
	if got, err := parseProcess(stat); err != nil || got != 2*time.Second {
		t.Errorf("%v, %v; want 2s", got, err)
	}
	machine := "cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
	if got, err := parseMachine(machine); err != nil || got != 1710*time.Millisecond {
		t.Errorf("%v, %v; want 1.71s", got, err)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 2 3", "1 (x) S 1 2 3 4 5 6 7 8 9 10 x 75"} {
		if got, err := parseProcess(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
	for _, bad := range []string{"", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9 10"} {
		if got, err := parseMachine(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// TestMeasureCPU: what the kernel says can be read.
func TestMeasureCPU(t *testing.T) {
	t.Parallel()
	u, err := measureCPU(os.Getpid(), 0)
	if err != nil || u.machine == 0 || u.levee != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := measureCPU(-1, 0); err == nil {
		t.Error("a process that doesn't exist was measured")
	}
}
