package telemetry

import (
	"strings"
	"testing"
)

func TestStormMetrics(t *testing.T) {
	m := newMetrics(t)
	m.Observe(func(g *Gauges) {
		g.Storm("features", &Storm{
			State: 2, Entered: map[string]uint64{"storm": 3}, RetryRatio: 0.5, Amplification: 2, BudgetLeft: 7,
			Retries: []InboundRetries{{"explicit", 40, 60}, {"inferred", 4, 6}},
			Told:    map[string]uint64{"stop": 50, "return": 9, "plain": 1}, Kept: 5,
		})
	})
	scraped := scrape(t, m)
	for _, want := range []string{
		`levee_storm_state{levee_upstream="features"} 2`,
		`levee_storm_changes_total{levee_upstream="features",to="storm"} 3`,
		`levee_inbound_retries_total{how="explicit",levee_upstream="features",result="admitted"} 40`,
		`levee_inbound_retries_total{how="inferred",levee_upstream="features",result="shed"} 6`,
		`levee_inbound_retry_ratio{levee_upstream="features"} 0.5`,
		`levee_amplification{levee_upstream="features"} 2`,
		`levee_inbound_retry_budget_left{levee_upstream="features"} 7`,
		`levee_answers_told_total{levee_upstream="features",told="stop"} 50`,
		`levee_returns_kept_total{levee_upstream="features"} 5`,
	} {
		if !strings.Contains(scraped, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}
