package telemetry

import (
	"fmt"
	"strings"
	"testing"
)

// Two endpoints of one address, as two names may give it, are one in metrics:
// a point told twice would cost the whole scrape.
func TestAdmissionOfOneAddressTwice(t *testing.T) {
	m := newMetrics(t)
	a := &Admission{Limit: 4, Admitted: 10, Waits: Histogram{Bounds: []float64{1}, Buckets: []uint64{1, 2}, Count: 3, Sum: 5}}
	m.Observe(func(g *Gauges) {
		g.Admission("features", "10.0.0.7:8080", a)
		g.Admission("features", "10.0.0.7:8080", a)
	})
	scraped := scrape(t, m)
	const labels = `{levee_endpoint="10.0.0.7:8080",levee_upstream="features"}`
	for _, want := range []string{
		"levee_limit" + labels + " 8\n",
		"levee_admitted_total" + labels + " 20\n",
		"levee_queue_wait_seconds_count" + labels + " 6\n",
		`levee_queue_wait_seconds_bucket{levee_endpoint="10.0.0.7:8080",levee_upstream="features",le="1"} 2` + "\n",
		`levee_queue_wait_seconds_bucket{levee_endpoint="10.0.0.7:8080",levee_upstream="features",le="+Inf"} 6` + "\n",
	} {
		if !strings.Contains(scraped, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if a.Waits.Buckets[0] != 1 {
		t.Error("the caller's buckets were changed")
	}
}

// However many endpoints and classes there are, a scrape stays one that
// somebody can store.
func TestAdmissionIsBounded(t *testing.T) {
	g := &Gauges{byName: map[string]*family{}}
	baselines := map[string]float64{}
	for i := range 64 {
		baselines[fmt.Sprint("class", i)] = 1
	}
	for i := range 300 {
		g.Admission("features", fmt.Sprint(i), &Admission{Baselines: baselines, Waits: Histogram{Buckets: []uint64{0}}})
	}
	for _, f := range g.families {
		if n := len(f.points) + len(f.histograms); n > maxFamily || n < 300 {
			t.Errorf("%s: %d points", f.name, n)
		}
	}
	if n := len(g.byName["levee.baseline"].points); n != maxFamily {
		t.Errorf("%d baselines", n)
	}
}
