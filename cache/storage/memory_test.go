package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// policy is about as large as what a cache needs to know of a response.
type policy struct {
	Stored, Fresh, Stale int64
	Status               int
	Flags                [6]uint64
	ETag                 string
}

func testKey(n uint64) Key {
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], n)
	return sha256.Sum256(text[:])
}

func testURL(n uint64) string {
	return fmt.Sprintf("https://service.example/v1/features/%012d?account=7", n)
}

func testHeader(r *rand.Rand) Header {
	h := http.Header{
		"Content-Type":  {"application/json"},
		"Cache-Control": {"max-age=60, stale-if-error=600"},
		"Date":          {"Thu, 26 Feb 2026 05:00:00 GMT"},
		"Etag":          {fmt.Sprintf(`"%016x"`, r.Uint64())},
		"Server":        {"origin"},
	}
	for i := range r.IntN(6) {
		h["X-More-"+strconv.Itoa(i)] = []string{strings.Repeat("x", r.IntN(60))}
	}
	return Pack(h)
}

// mixed is a body as the web has them: many small, few large.
func mixed(r *rand.Rand, mean int) Body {
	n := int(r.ExpFloat64() * r.ExpFloat64() * float64(mean))
	var chunks [][]byte
	for n > 0 {
		c := make([]byte, min(n, 64<<10))
		c[0] = 1
		chunks, n = append(chunks, c), n-len(c)
	}
	return NewBody(chunks...)
}

func heapSize() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWeightIsWhatTheHeapGrowsBy: the constants of weigh are right, for small
// bodies, where bookkeeping is most of it, and for large ones.
func TestWeightIsWhatTheHeapGrowsBy(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory would be measured")
	}
	for _, c := range []struct {
		mean, objects int
	}{{0, 60_000}, {200, 60_000}, {2000, 30_000}, {40_000, 1500}} {
		t.Run(fmt.Sprintf("%d bytes", c.mean), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			before := heapSize()
			s := newStore(t, Options[policy]{Budget: 1 << 30, MaxObject: 1 << 29})
			for i := range uint64(c.objects) {
				l := Labels{URL: testURL(i), Groups: []string{"a group"}}
				if err := s.Put(testKey(i), s.Mark(), l, Entry[policy]{Header: testHeader(r), Body: mixed(r, c.mean)}); err != nil {
					t.Fatal(err)
				}
			}
			grown, weight := heapSize()-before, s.Stats().Bytes
			// Less what weigh leaves to the garbage collector.
			ratio := float64(weight) * spare / (spare + 1) / float64(grown)
			t.Logf("%d objects: heap grew by %d each, weighed as %d, of which %.3f are accounted for", c.objects, grown/int64(c.objects), weight/int64(c.objects), ratio)
			if ratio < 0.93 || ratio > 1.07 {
				t.Errorf("accounts for %.3f of what the heap grew by", ratio)
			}
			runtime.KeepAlive(s)
		})
	}
}

// resident is the process's memory, as the kernel counts it.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestBudgetBoundsResidentMemory writes several times the budget and watches
// what the kernel says. LEVEE_CACHE_BUDGET=1024MiB and LEVEE_CACHE_OBJECTS=2000000
// make it large.
func TestBudgetBoundsResidentMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory would be measured")
	}
	budget, objects := int64(64<<20), 150_000
	if text := os.Getenv("LEVEE_CACHE_BUDGET"); text != "" {
		mib, err := strconv.ParseInt(strings.TrimSuffix(text, "MiB"), 10, 64)
		if err != nil {
			t.Fatal("LEVEE_CACHE_BUDGET is a number of MiB, such as 1024MiB: ", err)
		}
		budget = mib << 20
	}
	if text := os.Getenv("LEVEE_CACHE_OBJECTS"); text != "" {
		var err error
		if objects, err = strconv.Atoi(text); err != nil {
			t.Fatal("LEVEE_CACHE_OBJECTS: ", err)
		}
	}
	debug.FreeOSMemory()
	rest := resident(t) // the test binary's own
	old := debug.SetMemoryLimit(MemoryLimit(budget, rest))
	t.Cleanup(func() { debug.SetMemoryLimit(old) })

	s := newStore(t, Options[policy]{Budget: budget})
	r := rand.New(rand.NewPCG(1, 2))
	peak, last := int64(0), int64(0)
	for i := range uint64(objects) {
		err := s.Put(testKey(i), s.Mark(), Labels{URL: testURL(i)}, Entry[policy]{Header: testHeader(r), Body: mixed(r, 1000)})
		if err != nil && err != ErrTooLarge {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			last = resident(t) - rest
			peak = max(peak, last)
		}
		if used := s.Stats().Bytes; used > budget+budget/32 {
			t.Fatalf("after %d objects %d bytes are used of %d", i, used, budget)
		}
	}
	st := s.Stats()
	t.Logf("budget %d MiB: %d objects written, %d kept with %d MiB, %d evicted; resident at the end %.3f, at most %.3f of the budget",
		budget>>20, objects, st.Entries, st.Bytes>>20, st.Evicted, float64(last)/float64(budget), float64(peak)/float64(budget))
	if st.Evicted == 0 {
		t.Error("nothing was evicted: write more")
	}
	// A small heap is measured with the runtime's fixed costs in it.
	slack := max(budget*15/100, 24<<20)
	if peak > budget+slack {
		t.Errorf("%d MiB resident beyond the start, for a budget of %d MiB", peak>>20, budget>>20)
	}
}
