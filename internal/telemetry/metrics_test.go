package telemetry

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func newMetrics(t testing.TB) *Metrics {
	t.Helper()
	m, err := NewMetrics("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scrape returns the lines of a scrape.
func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// ours are the lines of a scrape that are about requests and Levee itself,
// without the buckets.
func ours(scraped string) []string {
	var lines []string
	for l := range strings.Lines(scraped) {
		if (strings.HasPrefix(l, "http_") || strings.HasPrefix(l, "levee_")) && !strings.Contains(l, "_bucket{") {
			lines = append(lines, strings.TrimSuffix(l, "\n"))
		}
	}
	return lines
}

// fill has everything happen once.
func fill(m *Metrics) {
	r := m.Route("features")
	for range 3 {
		r.Begin()
	}
	r.End("GET", "https", 2, 0, 200, "", 20*time.Millisecond)
	r.End("BREW", "http", 1, 1, 503, "destination_unavailable", time.Second)
	u := m.Upstream("features")
	u.Attempt("GET", 200, "", 10*time.Millisecond)
	u.Attempt("POST", 0, "connection_refused", time.Millisecond)
	u.Attempt("POST", 502, "", time.Millisecond)
	m.Answer("destination_unavailable")
	m.Observe(func(g *Gauges) {
		g.Listener(":4480", 7, 1000, 100, 2)
		g.Certificate(":4480", "/etc/levee/tls.crt", time.Unix(1800000000, 0))
		g.Endpoint("features", "10.0.0.7:8080", "ejected", 1, 2, 0.25)
		g.Config("abc123", time.UnixMilli(1700000000500), 3, 1)
		g.Sink("access", 10, 5, 1)
		g.Counter("levee_panics_total", "Requests that ended in a panic.", 4)
		g.Admission("features", "10.0.0.7:8080", &Admission{
			Limit: 14.5, Inflight: 14, Abandoned: 2, Queued: 9, Standing: true, Streams: 2, MaxStreams: 10000, StreamsShed: 8, Admitted: 5000, Cancelled: 3,
			Waits:     Histogram{Bounds: []float64{0.005, 0.1}, Buckets: []uint64{1, 2, 3}, Count: 6, Sum: 1.5},
			Baselines: map[string]float64{"/v1": 0.04, "/pkg.Service/Method": 0.004},
			Moves:     map[string]uint64{"cut": 2, "grow": 7},
			Sheds:     []Shed{{"overload", "default", 32, 180}},
		})
		g.State(time.UnixMilli(1700000000500), 2)
		g.Idempotency(&Idempotency{
			Keys: 9, Running: 2, Doubtful: 1, Bytes: 5000, Journal: true, Failing: true, JournalBytes: 7000,
			Results: map[string]map[string]uint64{"charges": {"first": 7, "replayed": 3}},
		})
	})
}

func TestMetricsNamesAndLabels(t *testing.T) {
	m := newMetrics(t)
	fill(m)
	got := ours(scrape(t, m))
	want := []string{
		`http_client_request_duration_seconds_sum{http_request_method="GET",http_response_status_code="200",levee_upstream="features"} 0.01`,
		`http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",levee_upstream="features"} 1`,
		`http_client_request_duration_seconds_sum{error_type="502",http_request_method="POST",http_response_status_code="502",levee_upstream="features"} 0.001`,
		`http_client_request_duration_seconds_count{error_type="502",http_request_method="POST",http_response_status_code="502",levee_upstream="features"} 1`,
		`http_client_request_duration_seconds_sum{error_type="connection_refused",http_request_method="POST",levee_upstream="features"} 0.001`,
		`http_client_request_duration_seconds_count{error_type="connection_refused",http_request_method="POST",levee_upstream="features"} 1`,
		`http_server_active_requests{http_route="features"} 1`,
		`http_server_request_duration_seconds_sum{http_request_method="GET",http_response_status_code="200",http_route="features",network_protocol_version="2",url_scheme="https"} 0.02`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="features",network_protocol_version="2",url_scheme="https"} 1`,
		`http_server_request_duration_seconds_sum{error_type="destination_unavailable",http_request_method="_OTHER",http_response_status_code="503",http_route="features",network_protocol_version="1.1",url_scheme="http"} 1`,
		`http_server_request_duration_seconds_count{error_type="destination_unavailable",http_request_method="_OTHER",http_response_status_code="503",http_route="features",network_protocol_version="1.1",url_scheme="http"} 1`,
		`levee_answers_total{reason="destination_unavailable"} 1`,
		`levee_certificate_expiration_timestamp_seconds{file="/etc/levee/tls.crt",levee_listener=":4480"} 1.8e+09`,
		`levee_config_applied_timestamp_seconds 1.7000000005e+09`,
		`levee_config_info{hash="abc123"} 1`,
		`levee_config_reloads_total{result="applied"} 3`,
		`levee_config_reloads_total{result="refused"} 1`,
		`levee_connections_accepted_total{levee_listener=":4480"} 100`,
		`levee_connections_delayed_total{levee_listener=":4480"} 2`,
		`levee_connections_max{levee_listener=":4480"} 1000`,
		`levee_connections_open{levee_listener=":4480"} 7`,
		`levee_endpoint_connections{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 2`,
		`levee_endpoint_inflight{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 1`,
		`levee_endpoint_latency_seconds{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 0.25`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:8080",levee_upstream="features",state="ejected"} 1`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:8080",levee_upstream="features",state="ramping"} 0`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:8080",levee_upstream="features",state="ready"} 0`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:8080",levee_upstream="features",state="unhealthy"} 0`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:8080",levee_upstream="features",state="failing"} 0`,
		`levee_panics_total 4`,
		`levee_limit{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 14.5`,
		`levee_inflight{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 14`,
		`levee_abandoned{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 2`,
		`levee_queue_length{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 9`,
		`levee_queue_standing{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 1`,
		`levee_queue_cancelled_total{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 3`,
		`levee_queue_wait_seconds_sum{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 1.5`,
		`levee_queue_wait_seconds_count{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 6`,
		`levee_admitted_total{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 5000`,
		`levee_streams{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 2`,
		`levee_streams_shed_total{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 8`,
		`levee_streams_max{levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 10000`,
		`levee_baseline_seconds{levee_class="/v1",levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 0.04`,
		`levee_baseline_seconds{levee_class="/pkg.Service/Method",levee_endpoint="10.0.0.7:8080",levee_upstream="features"} 0.004`,
		`levee_limit_moves_total{levee_endpoint="10.0.0.7:8080",levee_upstream="features",rule="cut"} 2`,
		`levee_limit_moves_total{levee_endpoint="10.0.0.7:8080",levee_upstream="features",rule="grow"} 7`,
		`levee_shed_total{attempt="first",levee_endpoint="10.0.0.7:8080",levee_upstream="features",priority="default",reason="overload"} 32`,
		`levee_shed_total{attempt="retry",levee_endpoint="10.0.0.7:8080",levee_upstream="features",priority="default",reason="overload"} 180`,
		`levee_state_written_timestamp_seconds 1.7000000005e+09`,
		`levee_state_errors_total 2`,
		`levee_idempotency_total{result="first",route="charges"} 7`,
		`levee_idempotency_total{result="replayed",route="charges"} 3`,
		`levee_idempotency_keys 9`,
		`levee_idempotency_running 2`,
		`levee_idempotency_in_doubt 1`,
		`levee_idempotency_size_bytes 5000`,
		`levee_idempotency_journal_size_bytes 7000`,
		`levee_idempotency_journal_failing 1`,
		`levee_telemetry_dropped_total{sink="access"} 5`,
		`levee_telemetry_errors_total{sink="access"} 1`,
		`levee_telemetry_written_total{sink="access"} 10`,
	}
	got = slices.DeleteFunc(got, func(l string) bool {
		return strings.HasPrefix(l, `levee_build_info{goversion="go`) && strings.HasSuffix(l, `,version="1.2.3"} 1`)
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		for _, l := range got {
			if !slices.Contains(want, l) {
				t.Errorf("unexpected: %s", l)
			}
		}
		for _, l := range want {
			if !slices.Contains(got, l) {
				t.Errorf("missing:    %s", l)
			}
		}
	}
}

// The Go runtime, the process and the build are told as well.
func TestMetricsOfTheProcess(t *testing.T) {
	m := newMetrics(t)
	scraped := scrape(t, m)
	for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_open_fds", "process_max_fds", "process_resident_memory_bytes", "process_start_time_seconds", "levee_build_info", "target_info"} {
		if !strings.Contains(scraped, "\n"+name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestMetricsLint(t *testing.T) {
	m := newMetrics(t)
	fill(m)
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "go_") || strings.HasPrefix(p.Metric, "process_") {
			continue // Prometheus' own
		}
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestHistogramBuckets(t *testing.T) {
	for _, tt := range []struct {
		d      time.Duration
		bucket int
		sum    float64
	}{
		{-time.Second, 0, 0}, // a clock that jumped
		{0, 0, 0},
		{5 * time.Millisecond, 0, 0.005}, // bounds belong to the bucket below
		{5*time.Millisecond + 1, 1, 0.005},
		{149 * time.Nanosecond, 0, 1e-7},
		{150 * time.Nanosecond, 0, 2e-7},
		{time.Second, 9, 1},
		{10 * time.Second, 13, 10},
		{time.Hour, 14, 3600},
	} {
		var h histogram
		h.record(tt.d)
		buckets, count, sum := h.read()
		if count != 1 || buckets[tt.bucket] != 1 || math.Abs(sum-tt.sum) > 1e-9 {
			t.Errorf("%v: buckets %v, count %d, sum %v; want bucket %d, sum %v", tt.d, buckets, count, sum, tt.bucket, tt.sum)
		}
	}
	if len(durationBounds) != bucketCount-1 {
		t.Errorf("%d bounds for %d buckets", len(durationBounds), bucketCount)
	}
}

// Whatever clients and upstreams send, the number of series is bounded, and
// every request is still counted.
func TestMetricsAreBounded(t *testing.T) {
	m := newMetrics(t)
	r := m.Route("features")
	n := 0
	for status := 100; status <= 999; status++ {
		for _, errorType := range []string{"", strings.Repeat("long", 1000), fmt.Sprint("made-up-", status)} {
			r.Begin()
			r.End("GET", "http", 1, 1, status, errorType, time.Millisecond)
			n++
		}
	}
	count, counted := 0, uint64(0)
	overflow := false
	r.series.each(func(s *series) {
		count++
		_, c, _ := s.read()
		counted += c
		if v, ok := s.attributes.Value("otel.metric.overflow"); ok && v.AsBool() {
			overflow = true
		}
		if v, ok := s.attributes.Value("error.type"); ok && len(v.AsString()) > maxErrorType {
			t.Errorf("an error type of %d bytes", len(v.AsString()))
		}
	})
	if count != maxSeries+1 || !overflow || counted != uint64(n) {
		t.Errorf("%d series (overflow %v) with %d of %d requests", count, overflow, counted, n)
	}

	// Reasons are bounded as well,
	for i := range 1000 {
		m.Answer(fmt.Sprint("made-up-", i))
	}
	if n := len(m.answers.all()); n != maxReasons {
		t.Errorf("%d reasons", n)
	}
	if n := m.answers.get(otherOwner).Load(); n != 1000-maxReasons+1 {
		t.Errorf("%d other answers", n)
	}

	// and so are routes and upstreams, which still get something to count in.
	for i := range maxOwners + 10 {
		m.Route(fmt.Sprint("route-", i)).Begin()
	}
	if len(m.routes) != maxOwners || m.Route("one more") != m.Route("and another") {
		t.Errorf("%d routes", len(m.routes))
	}
	// All of it can still be scraped.
	if got := scrape(t, m); !strings.Contains(got, `http_server_active_requests{http_route="_other"} 12`) {
		t.Error("the other routes' active requests are missing")
	}
}

// The bound on all series together holds too.
func TestMetricsAreBoundedTogether(t *testing.T) {
	m := newMetrics(t)
	m.total.Store(maxAllSeries - 1)
	a, b := m.Route("a"), m.Upstream("b")
	a.End("GET", "http", 1, 1, 200, "", 0)
	b.Attempt("GET", 200, "", 0)
	b.Attempt("GET", 404, "", 0)
	if got := scrape(t, m); !strings.Contains(got, `http_client_request_duration_seconds_count{levee_upstream="b",otel_metric_overflow="true"} 2`) {
		t.Errorf("no overflow:\n%s", strings.Join(ours(got), "\n"))
	}
}

// What is the same thing told twice is one number, not a scrape that fails.
func TestGaugesMergeDuplicates(t *testing.T) {
	m := newMetrics(t)
	m.Observe(func(g *Gauges) {
		g.Endpoint("u", "10.0.0.7:80", "ready", 1, 2, 0.5)
		g.Endpoint("u", "10.0.0.7:80", "ejected", 3, 4, 0.25)
		g.Endpoint("u", "bad\xff", "ready", 0, 0, 0)
	})
	got := scrape(t, m)
	for _, want := range []string{
		`levee_endpoint_inflight{levee_endpoint="10.0.0.7:80",levee_upstream="u"} 4`,
		`levee_endpoint_latency_seconds{levee_endpoint="10.0.0.7:80",levee_upstream="u"} 0.5`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:80",levee_upstream="u",state="ejected"} 1`,
		`levee_endpoint_state{levee_endpoint="10.0.0.7:80",levee_upstream="u",state="ready"} 1`,
		`levee_endpoint_inflight{levee_endpoint="bad` + "\ufffd" + `",levee_upstream="u"} 0`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}

// An observer takes locks of its own, as a proxy's, under which others ask for
// a route's metrics: it must be called without the lock that those need, or a
// scrape and a reload would wait for each other for ever.
func TestObserversMayUseTheMetrics(t *testing.T) {
	m := newMetrics(t)
	m.Observe(func(g *Gauges) {
		m.Route("asked for at a scrape").Begin()
		m.Observe(func(*Gauges) {})
	})
	if got := scrape(t, m); !strings.Contains(got, `http_server_active_requests{http_route="asked for at a scrape"} 1`) {
		t.Error("the route is missing")
	}
}

// Requests end, series begin and scrapes run at the same moment.
func TestMetricsConcurrently(t *testing.T) {
	m := newMetrics(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 500 {
				r := m.Route(fmt.Sprint("route-", n%5))
				r.Begin()
				r.End("GET", "http", 1, 1, 200+n%50, "", time.Duration(n)*time.Microsecond)
				m.Upstream("u").Attempt("GET", 200+n%50, "", time.Duration(i)*time.Microsecond)
				m.Answer(fmt.Sprint("reason-", n%5))
			}
		})
	}
	for range 5 {
		scrape(t, m)
	}
	wg.Wait()
	if got := scrape(t, m); !strings.Contains(got, `levee_answers_total{reason="reason-0"} 400`) {
		t.Error("answers were lost")
	}
}

// Without metrics, everything is a no-op.
func TestNilMetrics(t *testing.T) {
	var m *Metrics
	r, u := m.Route("features"), m.Upstream("features")
	r.Begin()
	r.End("GET", "http", 1, 1, 200, "", time.Second)
	u.Attempt("GET", 200, "", time.Second)
	m.Answer("reason")
	m.Observe(func(*Gauges) { t.Error("observed") })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("a scrape of nothing: %d", w.Code)
	}
}

func TestMetricsAllocateNothing(t *testing.T) {
	m := newMetrics(t)
	r, u := m.Route("features"), m.Upstream("features")
	if n := testing.AllocsPerRun(1000, func() {
		r.Begin()
		r.End("GET", "https", 2, 0, 503, "destination_unavailable", time.Millisecond)
		u.Attempt("GET", 200, "", time.Millisecond)
		m.Answer("destination_unavailable")
	}); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}
