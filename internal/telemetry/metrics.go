package telemetry

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/levee-proxy/levee/internal/prefetch"
)

const (
	// maxOwners bounds the routes, and the upstreams, that are told apart.
	// What is beyond is counted together under the name in otherOwner.
	maxOwners  = 16384
	otherOwner = "_other"

	// maxReasons bounds the reasons of Levee's own answers.
	maxReasons = 64

	// scrapesAtOnce and scrapeTimeout keep scrapes that hang from piling up.
	scrapesAtOnce = 4
	scrapeTimeout = 10 * time.Second
)

// Metrics counts what happens to requests and connections.
//
// Counting is done in place, with atomics of our own: 40 ns a request, where
// the OpenTelemetry SDK's instruments take some ten times as long, even with
// attribute sets that are kept. The SDK comes in when somebody asks: it gets
// the numbers as a producer and exports them under the names and attributes of
// the HTTP semantic conventions.
//
// The Go runtime and the process are told by Prometheus' own collectors rather
// than by OpenTelemetry's runtime instrumentation: that one knows neither
// resident memory nor file descriptors, which are what runs out.
//
// No label holds a path, or anything that tells a client. All methods may be
// called at the same time. A nil *Metrics counts nothing.
type Metrics struct {
	version string
	start   time.Time
	handler http.Handler

	mu        sync.Mutex
	routes    map[string]*RouteMetrics
	upstreams map[string]*UpstreamMetrics
	observers []func(*Gauges)

	total   atomic.Int64 // series in the tables of all routes and upstreams
	answers table[string, atomic.Uint64]
}

// NewMetrics makes metrics of a Levee of the given version. It fails only if
// the exporter can't be set up.
func NewMetrics(version string) (*Metrics, error) {
	m := &Metrics{
		version:   version,
		start:     time.Now(),
		routes:    map[string]*RouteMetrics{},
		upstreams: map[string]*UpstreamMetrics{},
	}
	registry := prometheus.NewRegistry()
	exporter, err := otelprom.New(
		otelprom.WithRegisterer(registry),
		otelprom.WithProducer(producer{m}),
		otelprom.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		otelprom.WithoutScopeInfo(),
	)
	if err != nil {
		return nil, err
	}
	// A reader gives nothing before it belongs to a provider, though all the
	// metrics come from the producer.
	sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		sdkmetric.WithResource(resource.NewSchemaless(semconv.ServiceName("levee"), semconv.ServiceVersion(version))),
	)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // a metric that can't be had shall not hide the others
		MaxRequestsInFlight: scrapesAtOnce,
		Timeout:             scrapeTimeout,
	})
	return m, nil
}

// Handler answers scrapes in Prometheus' formats.
func (m *Metrics) Handler() http.Handler {
	if m == nil {
		return http.NotFoundHandler()
	}
	return m.handler
}

// Route returns the metrics of the route of that name, always the same ones.
// It takes a lock: ask once, when the route is made.
func (m *Metrics) Route(name string) *RouteMetrics {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return owner(m.routes, name, func(name string) *RouteMetrics {
		r := &RouteMetrics{owner: semconv.HTTPRoute(name)}
		r.series = seriesTable{owner: r.owner, errorFrom: 500, total: &m.total}
		return r
	})
}

// Upstream returns the metrics of the upstream of that name, always the same
// ones. It takes a lock: ask once, when the upstream is made.
func (m *Metrics) Upstream(name string) *UpstreamMetrics {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return owner(m.upstreams, name, func(name string) *UpstreamMetrics {
		return &UpstreamMetrics{series: seriesTable{owner: keyUpstream.String(name), errorFrom: 400, total: &m.total}}
	})
}

// owner returns the value of name and makes it if there is none; once there
// are too many, the one for all others.
func owner[V any](of map[string]*V, name string, create func(name string) *V) *V {
	if v := of[name]; v != nil {
		return v
	}
	if len(of) >= maxOwners-1 {
		name = otherOwner
		if v := of[name]; v != nil {
			return v
		}
	}
	v := create(validLabel(name))
	of[name] = v
	return v
}

// Answer counts an answer that Levee gave by itself, by its reason: the error
// type of Proxy-Status.
func (m *Metrics) Answer(reason string) {
	if m == nil {
		return
	}
	c := m.answers.get(reason)
	if c == nil {
		fresh := func() *atomic.Uint64 { return new(atomic.Uint64) }
		c = m.answers.add(reason, func(n int) bool { return n < maxReasons-1 }, fresh)
		if c == nil {
			c = m.answers.add(otherOwner, func(int) bool { return true }, fresh)
		}
	}
	c.Add(1)
}

// Observe has f called at each scrape, several of which may run at once, to
// tell what is known elsewhere. It must be quick.
func (m *Metrics) Observe(f func(*Gauges)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observers = append(m.observers, f)
}

// RouteMetrics are the metrics of one route. A nil one counts nothing.
type RouteMetrics struct {
	active atomic.Int64 // beside the usual series, in one cache line
	series seriesTable
	owner  keyValue
}

// Expect has the processor load what Begin and mostly End write to.
func (r *RouteMetrics) Expect() { prefetch.Lines(unsafe.Pointer(r), 1) }

// Begin counts a request as active. One End must follow.
func (r *RouteMetrics) Begin() {
	if r != nil {
		r.active.Add(1)
	}
}

// End counts a request as answered.
//
// The scheme is http or https, and the protocol's version is the client's. The
// status is 0 if no answer was sent. The error type says what went wrong, as
// Proxy-Status does, and is empty if nothing did; it must be one of a fixed
// set of words. The duration is from the request's arrival until the answer's
// end.
func (r *RouteMetrics) End(method, scheme string, protoMajor, protoMinor int, status int, errorType string, d time.Duration) {
	if r == nil {
		return
	}
	r.active.Add(-1)
	k := newSeriesKey(method, status, errorType)
	k.scheme = schemeOf(scheme)
	k.major, k.minor = uint8(protoMajor), uint8(protoMinor)
	r.series.record(k, d)
}

// UpstreamMetrics are the metrics of one upstream. A nil one counts nothing.
type UpstreamMetrics struct {
	series seriesTable
}

// Attempt counts one attempt at an upstream: how long it took until the
// response headers, or until it failed. The status is 0 if there was no
// response; then the error type says why, as one of a fixed set of words.
func (u *UpstreamMetrics) Attempt(method string, status int, errorType string, d time.Duration) {
	if u != nil {
		u.series.record(newSeriesKey(method, status, errorType), d)
	}
}
