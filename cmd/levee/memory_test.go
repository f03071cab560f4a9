package main

import (
	"math"
	"testing"
)

func TestPacer(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name                        string
		budget, used, alive, beside int64
		most, want                  int64
	}{
		{"no cache", 0, 0, 500 * mib, 10 * mib, math.MaxInt64, math.MaxInt64},
		{"no cache, in a container", 0, 0, 500 * mib, 10 * mib, 900 * mib, 900 * mib},
		{"an empty cache", 1000 * mib, 0, 10 * mib, 5 * mib, math.MaxInt64, (1100 + 20 + 5 + 16) * mib},
		{"a full cache", 1000 * mib, 1000 * mib, 1010 * mib, 5 * mib, math.MaxInt64, (1100 + 20 + 5 + 16) * mib},
		{"a full cache that weighs less than it counts", 1000 * mib, 1000 * mib, 900 * mib, 5 * mib, math.MaxInt64, (1100 + 5 + 16) * mib},
		{"much besides the cache may double", 100 * mib, 100 * mib, 1100 * mib, 5 * mib, math.MaxInt64, (110 + 2000 + 5 + 16) * mib},
		{"never above the container's", 1000 * mib, 1000 * mib, 1010 * mib, 5 * mib, 900 * mib, 900 * mib},
	} {
		got := c.most
		p := &pacer{most: c.most, now: c.most, cache: func() (int64, int64) { return c.budget, c.used }}
		p.set = func(limit int64) int64 { got = limit; return 0 }
		p.look(c.alive, c.beside)
		if got != c.want {
			t.Errorf("%s: %d MiB, want %d", c.name, got/mib, c.want/mib)
		}
	}
}

// TestPacerIsCalm: small changes are none, and what the process began with comes
// back when the cache goes.
func TestPacerIsCalm(t *testing.T) {
	const mib = 1 << 20
	budget, set := int64(100*mib), []int64(nil)
	p := &pacer{most: 1000 * mib, now: 1000 * mib, cache: func() (int64, int64) { return budget, 0 }}
	p.set = func(limit int64) int64 { set = append(set, limit/mib); return 0 }
	for _, alive := range []int64{10, 11, 10, 9, 20, 20} {
		p.look(alive*mib, 0)
	}
	budget = 0
	p.look(20*mib, 0)
	p.look(20*mib, 0)
	if len(set) != 3 || set[0] != 146 || set[1] != 166 || set[2] != 1000 {
		t.Errorf("set to %v", set)
	}
}

func TestPacerObeysTheOperator(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "")
	if newPacer(nil) == nil {
		t.Error("nothing was said")
	}
	t.Setenv("GOMEMLIMIT", "off")
	if newPacer(nil) != nil {
		t.Error("GOMEMLIMIT is set")
	}
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "200")
	if newPacer(nil) != nil {
		t.Error("GOGC is set")
	}
}

func TestReadHeap(t *testing.T) {
	if now := readHeap(); now.beside == 0 || now.beside > 1<<30 || now.held == 0 || now.allocs < now.alive {
		t.Errorf("%+v", now)
	}
}
