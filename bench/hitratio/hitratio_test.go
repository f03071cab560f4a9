package main

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// letters is a trace of one-letter keys that take a byte each, and digits, which take that many.
func letters(text string) *trace {
	t := &trace{keys: make([]uint32, len(text)), weight: func(k uint32) int64 {
		if k >= '1' && k <= '9' {
			return int64(k - '0')
		}
		return 1
	}}
	for i := range text {
		t.keys[i] = uint32(text[i])
	}
	return t
}

// TestByHand: traces small enough to be played on paper.
func TestByHand(t *testing.T) {
	for _, tc := range []struct {
		keys             string
		budget           int64
		lru, belady, all int // hits; all: the bound
	}{
		{"aaaa", 1, 3, 3, 3},
		{"abab", 1, 0, 1, 2},    // keep a, or b
		{"abcabc", 2, 0, 2, 3},  // what LRU is worst at
		{"abcabc", 3, 3, 3, 3},  // room for all
		{"abacada", 2, 3, 3, 3}, // a is always there
		{"9a9a9a", 9, 0, 2, 4},  // one or the other, but the bound only knows that both would take little more
	} {
		tr := letters(tc.keys)
		if got := lru(tr, tc.budget).hits; got != tc.lru {
			t.Errorf("%s in %d: LRU has %d hits, not %d", tc.keys, tc.budget, got, tc.lru)
		}
		if got := belady(tr, tc.budget).hits; got != tc.belady {
			t.Errorf("%s in %d: knowing the future gives %d hits, not %d", tc.keys, tc.budget, got, tc.belady)
		}
		if got := int(math.Round(bound(tr, tc.budget) * float64(len(tr.keys)))); got < tc.belady || got < tc.lru || got != tc.all {
			t.Errorf("%s in %d: the bound is %d hits, not %d", tc.keys, tc.budget, got, tc.all)
		}
	}
}

// TestOrder: on every trace the bound is above what knowing the future gives,
// that above LRU and Levee, and Levee above LRU, except where popularity changes.
func TestOrder(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine, and many steps")
	}
	for _, tr := range traces(scale{requests: 40_000, keys: 20_000}) {
		for _, share := range shares {
			r, err := tr.play(share)
			if err != nil {
				t.Fatal(err)
			}
			alike := strings.Contains(tr.name, "each")
			if r.bound < r.belady.ratio() || r.bound < r.levee.ratio() || r.bound < r.lru.ratio() || r.belady.ratio() < r.lru.ratio() ||
				alike && r.belady.ratio() < r.levee.ratio() {
				t.Errorf("%s, %d%%: LRU %.3f, Levee %.3f, knowing the future %.3f, bound %.3f", tr.name, share, r.lru.ratio(), r.levee.ratio(), r.belady.ratio(), r.bound)
			}
			least := r.lru.ratio()
			if strings.Contains(tr.name, "popular") {
				least *= 0.85 // what remembers has to forget first
			}
			if r.levee.ratio() < least {
				t.Errorf("%s, %d%%: Levee %.3f is far below LRU %.3f", tr.name, share, r.levee.ratio(), r.lru.ratio())
			}
		}
	}
}

// TestZipf: the second key is asked for half as often as the first, with exponent 1.
func TestZipf(t *testing.T) {
	counts := map[uint32]int{}
	for _, k := range zipf(rand.New(rand.NewPCG(1, 1)), scale{requests: 200_000, keys: 1000}, 1) {
		counts[k]++
	}
	if share := float64(counts[1]) / float64(counts[0]); share < 0.45 || share > 0.55 {
		t.Errorf("the second key is asked for %.2f times as often as the first", share)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := write(&b, traces(scale{requests: 20_000, keys: 5000})[:1]); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Count(text, "\n") != 2+len(shares) || strings.Contains(text, "NaN") {
		t.Error(text)
	}
}
