package limiter

import (
	"testing"
	"time"
)

// TestPauses: a gap in which nothing came back, far longer than answers take,
// is a pause; regular answers, however slow, are none. Where a service stands
// still for much of the time, little of it is taken out: that is overload.
func TestPauses(t *testing.T) {
	const ms = int64(time.Millisecond)
	for _, test := range []struct {
		name        string
		gaps        func(i int) int64
		latency     int64
		least, most float64 // share of the time that is taken out
	}{
		{"a collector every two seconds", func(i int) int64 {
			if i%200 == 199 {
				return 200 * ms
			}
			return 10 * ms
		}, 40 * ms, 0.09, 0.10},
		{"regular answers", func(int) int64 { return 10 * ms }, 40 * ms, 0, 0},
		{"slow answers, one at a time", func(int) int64 { return 900 * ms }, 900 * ms, 0, 0},
		{"stalls most of the time", func(i int) int64 {
			if i%2 == 1 {
				return 500 * ms
			}
			return 10 * ms
		}, 40 * ms, 0, 0.01},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, now, out := pauses{}, int64(0), int64(0)
			for i := range 4000 {
				begun := now
				now += test.gaps(i)
				p.ended(now, 10, float64(test.latency))
				out += p.since(begun)
			}
			if share := float64(out) / float64(now); share < test.least || share > test.most {
				t.Errorf("%.3f of the time is taken out, want %.2f to %.2f", share, test.least, test.most)
			}
		})
	}
}
