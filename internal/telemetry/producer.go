package telemetry

import (
	"context"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// producer gives what was counted to OpenTelemetry, in its own form.
type producer struct{ m *Metrics }

// Produce implements metric.Producer.
func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	m := p.m
	now := time.Now()
	gauges := m.gauges(now)

	m.mu.Lock()
	defer m.mu.Unlock()
	var server, client []metricdata.HistogramDataPoint[float64]
	var active []metricdata.DataPoint[int64]
	for _, r := range m.routes {
		server = m.appendPoints(server, &r.series, now)
		active = append(active, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(r.owner),
			StartTime:  m.start,
			Time:       now,
			Value:      r.active.Load(),
		})
	}
	for _, u := range m.upstreams {
		client = m.appendPoints(client, &u.series, now)
	}

	all := []metricdata.Metrics{
		{
			Name:        "http.server.request.duration",
			Description: "Time from a request's arrival until its answer was complete.",
			Unit:        "s",
			Data:        metricdata.Histogram[float64]{DataPoints: server, Temporality: metricdata.CumulativeTemporality},
		},
		{
			Name:        "http.server.active_requests",
			Description: "Requests being served now.",
			Unit:        "{request}",
			Data:        metricdata.Sum[int64]{DataPoints: active, Temporality: metricdata.CumulativeTemporality},
		},
		{
			Name:        "http.client.request.duration",
			Description: "Time of an attempt at an upstream until its response headers.",
			Unit:        "s",
			Data:        metricdata.Histogram[float64]{DataPoints: client, Temporality: metricdata.CumulativeTemporality},
		},
	}
	for _, f := range gauges.families {
		all = append(all, f.metric())
	}
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: "github.com/levee-proxy/levee", Version: m.version, SchemaURL: semconv.SchemaURL},
		Metrics: all,
	}}, nil
}

// gauges collects what isn't a duration: our own counters and what the
// observers tell.
func (m *Metrics) gauges(now time.Time) *Gauges {
	g := &Gauges{start: m.start, now: now, byName: map[string]*family{}}
	g.add("levee.build.info", "The Levee that runs.", "", gaugeLargest, 1,
		attribute.String("version", m.version), attribute.String("goversion", runtime.Version()))
	for reason, n := range m.answers.all() {
		g.add("levee.answers", "Answers that Levee gave by itself, by the error type of Proxy-Status.", "{answer}", counter,
			float64(n.Load()), attribute.String("reason", validLabel(reason)))
	}
	for _, f := range m.observing() {
		f(g)
	}
	return g
}

// observing returns the observers. They are called without the lock: they take
// locks of their own, under which others may ask for a route's metrics.
func (m *Metrics) observing() []func(*Gauges) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.observers[:len(m.observers):len(m.observers)]
}

func (m *Metrics) appendPoints(points []metricdata.HistogramDataPoint[float64], t *seriesTable, now time.Time) []metricdata.HistogramDataPoint[float64] {
	t.each(func(s *series) {
		buckets, count, sum := s.read()
		points = append(points, metricdata.HistogramDataPoint[float64]{
			Attributes:   s.attributes,
			StartTime:    m.start,
			Time:         now,
			Count:        count,
			Bounds:       durationBounds,
			BucketCounts: buckets,
			Sum:          sum,
		})
	})
	return points
}
