package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/idempotency"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// What the proxy says of an endpoint's admission reaches a scrape.
func TestObserveAdmission(t *testing.T) {
	metrics, err := telemetry.NewMetrics("test")
	if err != nil {
		t.Fatal(err)
	}
	status := proxy.Status{
		Idempotency: &proxy.IdempotencyStatus{
			Status: idempotency.Status{Keys: 9, Doubtful: 1, Journal: &idempotency.JournalStatus{Bytes: 7000, Error: "no space"}},
			Routes: []proxy.GuardedRoute{{Name: "charges", Results: map[string]uint64{"first": 7}}},
		},
		Cache: &proxy.CacheStatus{
			Entries: 12, Bytes: 3000, Evicted: 4, Fetches: 6, FetchingBytes: 70, FetchingBudget: 80, LaggingBytes: 90, Crowded: 13,
			Snapshot: &proxy.CacheSnapshotStatus{File: "cache", Written: time.Unix(1700000000, 0), Bytes: 900, WriteSeconds: 0.25, Writes: 3, Errors: 2, Restored: 8, Ignored: "damaged"},
			Routes:   []proxy.CachedRoute{{Name: "features", Results: []proxy.CacheResult{{Result: "stale", Rung: "stale-on-overload", Count: 5}}}},
		},
		State: &proxy.StateStatus{File: "state", Written: time.UnixMilli(1700000000500), Errors: 1},
		Upstreams: []proxy.UpstreamStatus{{Name: "features", Endpoints: []proxy.EndpointStatus{
			{Address: "a", State: proxy.StateReady, Admission: &proxy.AdmissionStatus{
				Limit: 14, Inflight: 13, Queued: 2, Admitted: 100, Moves: map[string]uint64{"cut": 1},
				Waits:     proxy.WaitsStatus{Bounds: []float64{1}, Buckets: []uint64{1, 0}, Count: 1, Sum: 0.5},
				Baselines: []proxy.BaselineStatus{{Class: "/v1", Baseline: 0.04}},
				Sheds:     []proxy.ShedStatus{{Priority: "default", Reason: "overload", Count: 10, Retries: 4}},
			}},
			{Address: "unlimited", State: proxy.StateReady},
		}, Retries: &proxy.RetryStatus{
			Left: 3, Sent: []proxy.RetryCount{{On: "503", Succeeded: 8, Failed: 2}}, GivenUp: map[string]uint64{"method": 4},
		}, Refreshes: &proxy.RefreshStatus{Succeeded: 11, Unpaid: 12}, Storm: &proxy.StormStatus{
			State: "recovering", Entered: map[string]uint64{"storm": 1}, Kept: 5, Told: map[string]uint64{"stop": 9},
			Recent:  proxy.StormTraffic{RetryRatio: 0.5, Amplification: 2},
			Budget:  proxy.StormBudget{Left: 7},
			Retries: []proxy.StormRetries{{How: "explicit", Seen: 100, Shed: 60}, {How: "inferred", Seen: 5, Shed: 6}},
		}}},
	}
	metrics.Observe(func(g *telemetry.Gauges) { observe(g, status, config.Info{}, nil) })
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	scraped := w.Body.String()
	for _, want := range []string{
		`levee_limit{levee_endpoint="a",levee_upstream="features"} 14`,
		`levee_inflight{levee_endpoint="a",levee_upstream="features"} 13`,
		`levee_queue_length{levee_endpoint="a",levee_upstream="features"} 2`,
		`levee_queue_wait_seconds_bucket{levee_endpoint="a",levee_upstream="features",le="1"} 1`,
		`levee_admitted_total{levee_endpoint="a",levee_upstream="features"} 100`,
		`levee_baseline_seconds{levee_class="/v1",levee_endpoint="a",levee_upstream="features"} 0.04`,
		`levee_limit_moves_total{levee_endpoint="a",levee_upstream="features",rule="cut"} 1`,
		`levee_shed_total{attempt="first",levee_endpoint="a",levee_upstream="features",priority="default",reason="overload"} 6`,
		`levee_shed_total{attempt="retry",levee_endpoint="a",levee_upstream="features",priority="default",reason="overload"} 4`,
		`levee_state_errors_total 1`,
		`levee_idempotency_total{result="first",route="charges"} 7`,
		`levee_idempotency_keys 9`,
		`levee_idempotency_in_doubt 1`,
		`levee_idempotency_journal_failing 1`,
		`levee_cache_entries 12`,
		`levee_cache_size_bytes 3000`,
		`levee_cache_fetching_size_bytes 70`,
		`levee_cache_fetching_max_size_bytes 80`,
		`levee_cache_lagging_size_bytes 90`,
		`levee_cache_crowded_total 13`,
		`levee_cache_evictions_total 4`,
		`levee_cache_fills_total 6`,
		`levee_cache_refreshes_total{levee_upstream="features",result="success"} 11`,
		`levee_cache_refreshes_total{levee_upstream="features",result="no_budget"} 12`,
		`levee_cache_snapshot_size_bytes 900`,
		`levee_cache_snapshot_duration_seconds 0.25`,
		`levee_cache_snapshot_writes_total{result="success"} 3`,
		`levee_cache_snapshot_writes_total{result="failure"} 2`,
		`levee_cache_snapshot_answers_total{result="restored"} 8`,
		`levee_cache_snapshot_ignored 1`,
		`levee_cache_requests_total{result="stale",route="features",rung="stale-on-overload"} 5`,
		`levee_retry_budget_left{levee_upstream="features"} 3`,
		`levee_retries_total{levee_upstream="features",on="503",result="failure"} 2`,
		`levee_retries_given_up_total{levee_upstream="features",reason="method"} 4`,
		`levee_storm_state{levee_upstream="features"} 3`,
		`levee_inbound_retries_total{how="explicit",levee_upstream="features",result="admitted"} 40`,
		`levee_inbound_retries_total{how="inferred",levee_upstream="features",result="admitted"} 0`,
		`levee_amplification{levee_upstream="features"} 2`,
		`levee_inbound_retry_budget_left{levee_upstream="features"} 7`,
		`levee_answers_told_total{levee_upstream="features",told="stop"} 9`,
	} {
		if !strings.Contains(scraped, "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(scraped, `levee_limit{levee_endpoint="unlimited"`) {
		t.Error("an endpoint without a limit has one")
	}
}
