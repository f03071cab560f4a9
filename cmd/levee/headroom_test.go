package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
)

// TestHeadroom: the heap of a busy process may grow to 32 MB, or to an eighth of
// what the process may take; that of a quiet one, or a large one, doubles.
func TestHeadroom(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name         string
		most         int64
		allocs       uint64 // since the look before
		alive, roots uint64
		want         int
	}{
		{"quiet", math.MaxInt64, mb, 4 * mb, mb, 100},
		{"as HTTP/1.1 is", math.MaxInt64, 4 * mb, 4 * mb, mb, 100},
		{"busy", math.MaxInt64, 9 * mb, 4 * mb, mb, 559},
		{"busy, with many stacks", math.MaxInt64, 9 * mb, 4 * mb, 10 * mb, 199},
		{"busy, with next to nothing alive", math.MaxInt64, 9 * mb, 0, 0, 800},
		{"busy, in a small container", 64 * mb, 9 * mb, 2 * mb, mb, 199},
		{"busy, in a container that is too small", 16 * mb, 9 * mb, 4 * mb, mb, 100},
		{"busy, with a large heap", math.MaxInt64, 300 * mb, 400 * mb, mb, 100},
	} {
		got := standardPercent
		h := &headroom{
			most:    c.most,
			usage:   func() heapUsage { return heapUsage{allocs: c.allocs, alive: c.alive, roots: c.roots} },
			set:     func(percent int) int { got = percent; return 0 },
			percent: standardPercent,
		}
		if h.look(); got != c.want {
			t.Errorf("%s: %d%%, want %d%%", c.name, got, c.want)
		}
	}
}

// TestHeadroomIsCalm: busy it stays until it is quiet, and small changes are none.
func TestHeadroomIsCalm(t *testing.T) {
	const mb = 1 << 20
	var now heapUsage
	var set []int
	h := &headroom{
		most:    math.MaxInt64,
		usage:   func() heapUsage { return now },
		set:     func(percent int) int { set = append(set, percent); return 0 },
		percent: standardPercent,
	}
	for _, step := range []struct{ allocs, alive uint64 }{
		{4 * mb, 4 * mb}, {9 * mb, 4 * mb}, {4 * mb, 4 * mb}, {4 * mb, 5 * mb}, {4 * mb, 9 * mb}, {mb, 4 * mb}, {4 * mb, 4 * mb},
	} {
		now.allocs, now.alive = now.allocs+step.allocs, step.alive
		h.look()
	}
	if want := []int{699, 539, 255, 100}; !slices.Equal(set, want) {
		t.Errorf("set to %v, want %v", set, want)
	}
}

func TestHeadroomObeysTheOperator(t *testing.T) {
	t.Setenv("GOGC", "")
	if newHeadroom() == nil {
		t.Error("nothing was said")
	}
	t.Setenv("GOGC", "200")
	if newHeadroom() != nil {
		t.Error("GOGC is set")
	}
}

// TestHeadroomForReal: the runtime takes the heap to where it was meant to go.
func TestHeadroomForReal(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(standardPercent))
	h := newHeadroom()
	for range 3 {
		for range busyAllocs >> 9 {
			garbage = make([]byte, 1<<10)
		}
		runtime.GC() // what is allocated while one runs passes for alive
		h.look()
	}
	now := readHeap()
	goal := max(int64(now.alive)+int64(now.alive+now.roots)*int64(h.percent)/100, leastHeap*int64(h.percent)/100)
	if h.percent <= standardPercent || goal < headroomTo*3/4 || goal > headroomTo*5/4 {
		t.Errorf("%d%%: a heap of which %d bytes are alive grows to %d", h.percent, now.alive, goal)
	}
}

var garbage []byte
