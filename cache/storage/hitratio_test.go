package storage

import (
	"container/heap"
	"container/list"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Traces of keys, as caches meet them.
func zipf(r *rand.Rand, n int, keys uint64, s float64) []uint64 {
	z, trace := rand.NewZipf(r, s, 1, keys-1), make([]uint64, n)
	for i := range trace {
		trace[i] = z.Uint64()
	}
	return trace
}

// scanned over: every so often somebody asks for everything there is, once.
func withScans(r *rand.Rand, n int, keys uint64, s float64, length int) []uint64 {
	trace, next := zipf(r, n, keys, s), keys
	for from := n / 10; from+length < n; from += 3 * length {
		for i := range length {
			trace[from+i] = next
			next++
		}
	}
	return trace
}

// drifting: ten times, what is popular changes all at once. This is the worst
// for a policy that remembers how often keys were asked for.
func drifting(r *rand.Rand, n int, keys uint64, s float64) []uint64 {
	trace := zipf(r, n, keys, s)
	for i := range trace {
		trace[i] += uint64(i) / 20_000 * (keys / 50)
	}
	return trace
}

// lru counts hits of a least-recently-used cache of n entries.
func lru(trace []uint64, n int) (hits int) {
	order, at := list.New(), map[uint64]*list.Element{}
	for _, k := range trace {
		if e, ok := at[k]; ok {
			hits++
			order.MoveToFront(e)
			continue
		}
		at[k] = order.PushFront(k)
		if order.Len() > n {
			delete(at, order.Remove(order.Back()).(uint64))
		}
	}
	return hits
}

// use is a key, and where in the trace it is used again.
type use struct {
	key  uint64
	next int
}

// uses is a heap, the one used again last on top.
type uses []use

func (u uses) Len() int           { return len(u) }
func (u uses) Less(i, j int) bool { return u[i].next > u[j].next }
func (u uses) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *uses) Push(x any)        { *u = append(*u, x.(use)) }

func (u *uses) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}

// optimum counts hits of the best possible eviction (Bélády 1966), which knows
// the future: what is used again last goes first. What isn't worth storing
// isn't stored.
func optimum(trace []uint64, n int) (hits int) {
	next, seen := make([]int, len(trace)), map[uint64]int{}
	for i := len(trace) - 1; i >= 0; i-- {
		later, ok := seen[trace[i]]
		if !ok {
			later = len(trace) + i
		}
		next[i], seen[trace[i]] = later, i
	}
	stored, order := map[uint64]int{}, &uses{}
	for i, k := range trace {
		if _, ok := stored[k]; ok {
			hits++
		}
		stored[k] = next[i]
		heap.Push(order, use{k, next[i]})
		for len(stored) > n {
			// Skip what was used again since it was pushed.
			if top := heap.Pop(order).(use); stored[top.key] == top.next {
				delete(stored, top.key)
			}
		}
	}
	return hits
}

// ours counts hits of a Store that has room for n entries of one size.
func ours(t *testing.T, trace []uint64, n int) (hits int) {
	entry := func() Entry[int] { return Entry[int]{Body: NewBody(make([]byte, 1024))} }
	probe := newStore(t, Options[int]{Budget: 1 << 20})
	if err := probe.Put(testKey(0), 0, Labels{URL: testURL(0)}, entry()); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, Options[int]{Budget: probe.Stats().Bytes * int64(n)})
	for _, key := range trace {
		k := testKey(key)
		if _, ok := s.Get(k, nil); ok {
			hits++
			continue
		}
		if err := s.Put(k, s.Mark(), Labels{URL: testURL(key)}, entry()); err != nil {
			t.Fatal(err)
		}
		// Evict now and not when a goroutine gets to it, so that the test is
		// about the policy.
		s.space.Load().entries.CleanUp()
	}
	return hits
}

// TestHitRatio compares with LRU, which is what is easy, and with the optimum,
// which is what is possible.
func TestHitRatio(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine, and many steps")
	}
	const n, keys = 200_000, 50_000
	for _, c := range []struct {
		name  string
		trace []uint64
		least float64 // of LRU's ratio
	}{
		{"zipf 1.01", zipf(rand.New(rand.NewPCG(1, 1)), n, keys, 1.01), 1},
		{"zipf 1.2", zipf(rand.New(rand.NewPCG(2, 1)), n, keys, 1.2), 1},
		{"zipf 1.01 with scans", withScans(rand.New(rand.NewPCG(3, 1)), n, keys, 1.01, 10_000), 1},
		{"zipf 1.01, drifting", drifting(rand.New(rand.NewPCG(4, 1)), n, keys, 1.01), 0.9},
	} {
		for _, size := range []int{1000, 5000} {
			t.Run(fmt.Sprintf("%s/%d entries", c.name, size), func(t *testing.T) {
				share := func(hits int) float64 { return float64(hits) / float64(len(c.trace)) }
				l, o, best := share(lru(c.trace, size)), share(ours(t, c.trace, size)), share(optimum(c.trace, size))
				t.Logf("hit ratio: LRU %.3f, ours %.3f, optimum %.3f", l, o, best)
				if o < l*c.least {
					t.Errorf("hit ratio %.3f is below %.2f of LRU's %.3f", o, c.least, l)
				}
				if best < l || best < o {
					t.Errorf("the optimum %.3f is no optimum", best)
				}
			})
		}
	}
}
