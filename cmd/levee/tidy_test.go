package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestTidy gives memory back once behind each busy time, if there is some.
func TestTidy(t *testing.T) {
	const mb = 1 << 20
	var now heapUsage
	freed := 0
	tidy := &tidier{usage: func() heapUsage { return now }, free: func() { freed++ }}
	for i, step := range []struct {
		allocs, alive, held uint64 // allocs since the step before
		want                int
	}{
		{500 * mb, 10 * mb, 60 * mb, 0}, // busy
		{500 * mb, 10 * mb, 60 * mb, 0},
		{mb, 10 * mb, 60 * mb, 1}, // calm now
		{mb, 10 * mb, 60 * mb, 1}, // still
		{0, 10 * mb, 60 * mb, 1},
		{500 * mb, 10 * mb, 60 * mb, 1}, // once more
		{mb, 10 * mb, 60 * mb, 2},
		{500 * mb, 10 * mb, 13 * mb, 2},
		{mb, 10 * mb, 13 * mb, 2}, // too little to give back
		{500 * mb, 1000 * mb, 1100 * mb, 2},
		{mb, 1000 * mb, 1100 * mb, 2}, // of too much to look through
		{500 * mb, 1000 * mb, 1200 * mb, 2},
		{mb, 1000 * mb, 1200 * mb, 3},
		{500 * mb, 20 * mb, 10 * mb, 3},
		{mb, 20 * mb, 10 * mb, 3}, // figures of two moments
	} {
		now = heapUsage{allocs: now.allocs + step.allocs, alive: step.alive, held: step.held}
		if tidy.look(); freed != step.want {
			t.Fatalf("step %d: tidied %d times, want %d", i, freed, step.want)
		}
	}
}

func TestTidierObeysTheOperator(t *testing.T) {
	t.Setenv("GOGC", "off")
	if newTidier() != nil {
		t.Error("GOGC is set")
	}
}

// TestTidyForReal: what a busy time took is the system's again.
func TestTidyForReal(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "1GiB") // which is no reason to hold what isn't needed
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	tidy := newTidier()
	tidy.look()
	var held []byte
	for range 32 {
		held = make([]byte, 1<<20)
	}
	runtime.KeepAlive(held)
	tidy.look() // busy
	before := readHeap().held
	tidy.look()
	if after := readHeap().held; after > before-24<<20 {
		t.Errorf("the heap held %d bytes, and %d when it was tidied", before, after)
	}
}
