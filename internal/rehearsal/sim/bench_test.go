package sim

import (
	"testing"
	"time"
)

// BenchmarkRun reports how many requests are simulated a second, in a calm
// service, in a storm of retries, and shedding most of ten times too much.
func BenchmarkRun(b *testing.B) {
	service := Service{Workers: 64, Classes: OneClass(Exponential, 10*time.Millisecond)}
	impatient := Population{Rate: 12800, Timeout: 100 * time.Millisecond, Deadline: 400 * time.Millisecond, Retries: 3}
	for _, c := range []struct {
		name  string
		p     Population
		limit int
	}{
		{"calm", Population{Rate: 4480}, 1 << 30},
		{"storm", impatient, 1 << 30},
		{"shedding", Population{Rate: 64000}, 70},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				s := Scenario{
					Duration: time.Duration(200_000/c.p.Rate*1000) * time.Millisecond,
					Service:  service, Clients: []Population{c.p},
				}
				r, err := Run(s, newStatic(c.limit, 0, Word{}))
				if err != nil {
					b.Fatal(err)
				}
				n += r.Attempts
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "attempts/s")
		})
	}
}
