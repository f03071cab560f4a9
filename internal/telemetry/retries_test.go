package telemetry

import (
	"strings"
	"testing"
)

func TestRetryMetrics(t *testing.T) {
	m := newMetrics(t)
	m.Observe(func(g *Gauges) {
		g.Retries("features", &Retries{
			BudgetLeft: 7.5, Sent: []SentRetries{{"503", 40, 2}, {"connect-failure", 3, 0}},
			GivenUp: map[string]uint64{"budget": 9}, Hedges: map[string]uint64{"won": 4},
		})
	})
	scraped := scrape(t, m)
	for _, want := range []string{
		`levee_retry_budget_left{levee_upstream="features"} 7.5`,
		`levee_retries_total{levee_upstream="features",on="503",result="success"} 40`,
		`levee_retries_total{levee_upstream="features",on="503",result="failure"} 2`,
		`levee_retries_total{levee_upstream="features",on="connect-failure",result="success"} 3`,
		`levee_retries_given_up_total{levee_upstream="features",reason="budget"} 9`,
		`levee_hedges_total{levee_upstream="features",result="won"} 4`,
	} {
		if !strings.Contains(scraped, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}
