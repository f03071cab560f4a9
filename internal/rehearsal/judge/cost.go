package judge

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// costRuns is how often each cost is measured: on a machine with other work,
// one measurement says little.
const costRuns = 7

// Cost is what the limiter's calls cost on the machine that wrote the report.
type Cost struct {
	// Alone and Crowded are nanoseconds for one acquire and its release, by one
	// goroutine and by 16 at once, in ascending order.
	Alone, Crowded [costRuns]float64
	// Allocs is how often memory was allocated for each, in the worst case.
	Allocs int64
	Cores  int
}

// MeasureCost takes about fifteen seconds.
func MeasureCost() Cost {
	c := Cost{Cores: runtime.GOMAXPROCS(0)}
	measure := func(f func(*testing.B)) float64 {
		r := testing.Benchmark(f)
		c.Allocs = max(c.Allocs, r.AllocsPerOp())
		return float64(r.T.Nanoseconds()) / float64(r.N)
	}
	for i := range costRuns {
		c.Alone[i] = measure(alone)
		c.Crowded[i] = measure(crowded)
	}
	slices.Sort(c.Alone[:])
	slices.Sort(c.Crowded[:])
	return c
}

func alone(b *testing.B) {
	l, now := roomy()
	w := &limiter.Waiter{Priority: limiter.Default}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		l.Acquire(now, w)
		l.End(now, w, limiter.Success)
	}
}

func crowded(b *testing.B) {
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
}

// roomy returns an adaptive limiter that needn't queue anything.
func roomy() (*limiter.Limiter, time.Time) {
	now := time.Unix(0, 0)
	return limiter.New(limiter.Config{Initial: 64, Min: 64}, now), now
}

func (c *Cost) markdown(w io.Writer) {
	fmt.Fprintf(w, `
## What it costs

One acquire and release: %s ns by one goroutine (must be ≤ 150 ns), %s ns by 16 (≤ 400 ns), %d allocations (0), on %d cores; minimum, median and maximum of %d measurements.
`, spread(c.Alone), spread(c.Crowded), c.Allocs, c.Cores, costRuns)
}

func spread(sorted [costRuns]float64) string {
	return fmt.Sprintf("%.0f / %.0f / %.0f", sorted[0], sorted[costRuns/2], sorted[costRuns-1])
}
