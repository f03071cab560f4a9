package storm

import (
	"sync/atomic"
	"testing"
	"time"
)

// prints are how alike the requests of a benchmark look.
var prints = []struct {
	name  string
	exact bool
	of    func(i uint64) uint64
}{
	{"same", false, func(uint64) uint64 { return 7 }},
	{"hundred", false, func(i uint64) uint64 { return 1 + i%100 }},
	{"all-different", false, func(i uint64) uint64 { return mix(i) }},
	{"ids", true, mix},
}

// BenchmarkCalm is what the detector adds to a request while all is well.
func BenchmarkCalm(b *testing.B) {
	for _, p := range prints {
		b.Run(p.name, func(b *testing.B) {
			now := time.Now() // with a monotonic reading, as in a proxy
			d := New(Config{}, now)
			r := &Request{Client: 3, Exact: p.exact}
			i := uint64(0)
			for b.Loop() {
				i++
				now = now.Add(10 * time.Microsecond)
				r.Print, r.Client = p.of(i), i%50+1
				d.Arrive(now, r)
				if !d.Admit(now, r) {
					b.Fatal("refused")
				}
				d.End(now, r, Useful)
			}
		})
	}
}

// BenchmarkCalmParallel is the same by 16 goroutines.
func BenchmarkCalmParallel(b *testing.B) {
	for _, p := range prints {
		b.Run(p.name, func(b *testing.B) {
			start := time.Now()
			d := New(Config{}, start)
			var workers atomic.Uint64
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				i := workers.Add(1) << 32
				r, now := &Request{Exact: p.exact}, start
				for pb.Next() {
					i++
					now = now.Add(10 * time.Microsecond)
					r.Print, r.Client = p.of(i), i%50+1
					d.Arrive(now, r)
					d.Admit(now, r)
					d.End(now, r, Useful)
				}
			})
		})
	}
}
