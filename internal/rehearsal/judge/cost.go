package judge

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// Cost is what the limiter's calls cost on the machine that wrote the report.
type Cost struct {
	// Alone and Crowded are nanoseconds for one acquire and its release, by one
	// goroutine and by 16 at once.
	Alone, Crowded float64
	// Allocs is how often memory was allocated for each, in the worse case.
	Allocs int64
	Cores  int
}

// MeasureCost takes about two seconds.
func MeasureCost() Cost {
	ns := func(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }
	alone := testing.Benchmark(func(b *testing.B) {
		l, now := roomy()
		w := &limiter.Waiter{Priority: limiter.Default}
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Microsecond)
			l.Acquire(now, w)
			l.End(now, w, limiter.Success)
		}
	})
	crowded := testing.Benchmark(func(b *testing.B) {
		l, start := roomy()
		b.SetParallelism((16 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			now, w := start, &limiter.Waiter{Priority: limiter.Default}
			for p.Next() {
				now = now.Add(time.Microsecond)
				l.Acquire(now, w)
				l.End(now, w, limiter.Success)
			}
		})
	})
	return Cost{
		Alone: ns(alone), Crowded: ns(crowded),
		Allocs: max(alone.AllocsPerOp(), crowded.AllocsPerOp()), Cores: runtime.GOMAXPROCS(0),
	}
}

// roomy returns an adaptive limiter that needn't queue anything.
func roomy() (*limiter.Limiter, time.Time) {
	now := time.Unix(0, 0)
	return limiter.New(limiter.Config{Initial: 64, Min: 64}, now), now
}

func (c *Cost) markdown(w io.Writer) {
	fmt.Fprintf(w, `
## What it costs

One acquire and release: %.0f ns by one goroutine (must be ≤ 150 ns), %.0f ns by 16 (≤ 400 ns), %d allocations (0), on %d cores.
`, c.Alone, c.Crowded, c.Allocs, c.Cores)
}
