package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

func limiterAt(limit float64, sheds, moves uint64) *proxy.AdmissionStatus {
	return &proxy.AdmissionStatus{
		Limit: limit, Baselines: []proxy.BaselineStatus{{Baseline: 0.04}},
		Sheds: []proxy.ShedStatus{{Reason: "queue_full", Count: sheds}},
		Moves: map[string]uint64{"grow": moves}, Move: &proxy.MoveStatus{Rule: "grow", Why: "it binds", From: 15},
	}
}

// TestTrace: every bucket is a line, and holds what happened in it.
func TestTrace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "trace.csv")
	trace, err := newTrace(path)
	if err != nil {
		t.Fatal(err)
	}
	s := find("loss", true)
	all := every(10*ms, 0, s.Duration, func(i int, _ time.Duration) bool { return i != 30 })
	r := &record{requests: all, samples: []sample{
		{at: bucket, busy: 3, waiting: 4, limiter: limiterAt(16, 5, 1)},
		{at: 2 * bucket, busy: -1, waiting: -1},
		{at: 3 * bucket, limiter: limiterAt(20, 5, 4)},
	}}
	if err := trace.write(s, r); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := trace.close(); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + int(s.Duration/bucket); len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	for i, want := range map[int]map[string]string{
		1:              {"scenario": "loss", "seed": "1", "seconds": "0.25", "phase": "before", "requests": "25", "good": "21", "shed": "0", "p50_ms": "40.0", "service_busy": "3", "service_waiting": "4", "limit": "16.0", "baseline_ms": "40.0", "sheds": "queue_full 5", "moves": "grow 1", "last_move": "grow: it binds, from 15.0"},
		2:              {"requests": "25", "good": "24", "shed": "1", "service_busy": "-1", "limit": ""},
		3:              {"limit": "20.0", "sheds": "", "moves": "grow 3"},
		13:             {"phase": "trigger", "limit": ""},
		len(lines) - 1: {"phase": "after"},
	} {
		for j, name := range lines[0] {
			if v, ok := want[name]; ok && lines[i][j] != v {
				t.Errorf("line %d: %s is %q, want %q", i, name, lines[i][j], v)
			}
		}
	}
}

// TestNoTrace: without a file nothing is written, nor asked for.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	trace, err := newTrace("")
	if err != nil || trace.wanted() {
		t.Fatal(trace, err)
	}
	if err := trace.write(find("loss", true), &record{}); err != nil {
		t.Error(err)
	}
	if err := trace.close(); err != nil {
		t.Error(err)
	}
}
