package storage

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// full is a store with n entries that all fit, and their keys.
func full(t testing.TB, n uint64) (*Store[policy], []Key) {
	t.Helper()
	s := newStore(t, Options[policy]{Budget: 1 << 30})
	keys, h := make([]Key, n), testHeader(rand.New(rand.NewPCG(1, 1)))
	for i := range n {
		keys[i] = testKey(i)
		e := Entry[policy]{Header: h, Body: NewBody(make([]byte, 512))}
		if err := s.Put(keys[i], s.Mark(), Labels{URL: testURL(i), Groups: []string{"g"}}, e); err != nil {
			t.Fatal(err)
		}
	}
	return s, keys
}

// TestHitAllocatesNothing, in the whole way from key to sent header.
func TestHitAllocatesNothing(t *testing.T) {
	s, keys := full(t, 1000)
	now, out, i := time.Now(), http.Header{}, 0
	hit := func() {
		status := 200 + i%3
		e, ok := s.Get(keys[i%len(keys)], func(p *policy) bool { return p.Status == status || p.Status == 0 })
		if !ok {
			t.Fatal("a miss")
		}
		if _, purged := s.Purged(e); purged {
			t.Fatal("purged")
		}
		e.Header.CopyTo(out)
		i++
	}
	for i := range 3 { // the first key has variants
		e := Entry[policy]{Policy: policy{Status: 200 + i}, Header: testHeader(rand.New(rand.NewPCG(1, 1)))}
		same := func(p *policy) bool { return p.Status == 200+i }
		if err := s.PutVariant(keys[0], s.Mark(), same, nil, Labels{URL: testURL(0)}, e, now); err != nil {
			t.Fatal(err)
		}
	}
	hit()
	if n := testing.AllocsPerRun(5000, hit); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
	miss := func() {
		if _, ok := s.Get(testKey(1<<40), nil); ok || s.Uncacheable(keys[0], now) {
			t.Fatal("a hit")
		}
	}
	if n := testing.AllocsPerRun(5000, miss); n != 0 {
		t.Errorf("a miss allocates %v times", n)
	}
}

func BenchmarkGetHit(b *testing.B) {
	for _, n := range []uint64{1, 100_000} {
		b.Run(fmt.Sprintf("%d keys", n), func(b *testing.B) {
			s, keys := full(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(len(keys)); pb.Next(); i++ {
					if _, ok := s.Get(keys[i*7919%len(keys)], nil); !ok {
						b.Error("a miss")
					}
				}
			})
		})
	}
}

func BenchmarkGetVariant(b *testing.B) {
	for _, n := range []int64{1, 4, 32} {
		b.Run(fmt.Sprintf("the oldest of %d", n), func(b *testing.B) {
			s, k, now := newStore(b, Options[policy]{Budget: 8 << 20}), testKey(1), time.Now()
			for i := range n {
				same := func(p *policy) bool { return p.Stored == i }
				if err := s.PutVariant(k, s.Mark(), same, nil, Labels{URL: "u"}, Entry[policy]{Policy: policy{Stored: i}}, now); err != nil {
					b.Fatal(err)
				}
			}
			oldest := func(p *policy) bool { return p.Stored == 0 }
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Get(k, oldest); !ok {
					b.Fatal("a miss")
				}
			}
		})
	}
}

func BenchmarkGetMiss(b *testing.B) {
	s, _ := full(b, 100_000)
	k := testKey(1 << 40)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Get(k, nil); ok {
			b.Fatal("a hit")
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := newStore(b, Options[policy]{Budget: 64 << 20})
	h, i := testHeader(rand.New(rand.NewPCG(1, 1))), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		i++
		if err := s.Put(testKey(i), s.Mark(), Labels{URL: testURL(i)}, Entry[policy]{Header: h, Body: NewBody(make([]byte, 1024))}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	h := http.Header{}
	testHeader(rand.New(rand.NewPCG(1, 1))).CopyTo(h)
	b.ReportAllocs()
	for b.Loop() {
		Pack(h)
	}
}

func BenchmarkPurgeURL(b *testing.B) {
	s, _ := full(b, 100_000)
	now, i := time.Now(), uint64(0)
	for b.Loop() {
		i++
		s.PurgeURL(testURL(i%100_000), Soft, now)
	}
}

func BenchmarkPurgePrefixOf100000(b *testing.B) {
	s, _ := full(b, 100_000)
	now := time.Now()
	for b.Loop() {
		s.PurgePrefix("https://service.example/v1/features/00000001", Soft, now)
	}
}

// BenchmarkGetDuringEviction reports the latency of hits, in nanoseconds, while
// another goroutine does nothing, makes entries and throws them away, or puts
// them into a full store, so that each evicts others. The last two should be
// alike: the rest is the processor's and the collector's.
func BenchmarkGetDuringEviction(b *testing.B) {
	for _, beside := range []string{"nothing", "garbage", "eviction"} {
		b.Run(beside, func(b *testing.B) {
			s := newStore(b, Options[policy]{Budget: 64 << 20})
			hot := testKey(1 << 40)
			r := rand.New(rand.NewPCG(1, 1))
			make1 := func(i uint64) (Key, Labels, Entry[policy]) {
				return testKey(i), Labels{URL: testURL(i)}, Entry[policy]{Header: testHeader(r), Body: mixed(r, 1000)}
			}
			put := func(i uint64) {
				k, l, e := make1(i)
				_ = s.Put(k, s.Mark(), l, e) // the few too large are refused
			}
			put(1 << 40)
			for i := range uint64(60_000) {
				put(i)
				s.Get(hot, nil)
			}
			stop := make(chan struct{})
			var wg sync.WaitGroup
			if beside != "nothing" {
				wg.Go(func() {
					for i := uint64(100_000); ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						if beside == "garbage" {
							make1(i)
						} else {
							put(i)
						}
					}
				})
			}
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				start := time.Now()
				s.Get(hot, nil)
				took = append(took, time.Since(start))
			}
			close(stop)
			wg.Wait()
			slices.Sort(took)
			for name, share := range map[string]float64{"p50-ns": 0.5, "p99-ns": 0.99, "p99.9-ns": 0.999} {
				b.ReportMetric(float64(took[int(float64(len(took)-1)*share)]), name)
			}
		})
	}
}
