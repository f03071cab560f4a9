package telemetry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

func BenchmarkRouteEnd(b *testing.B) {
	m, err := NewMetrics("test")
	if err != nil {
		b.Fatal(err)
	}
	r := m.Route("features")
	b.ReportAllocs()
	for b.Loop() {
		r.Begin()
		r.End("GET", "https", 2, 0, 200, "", 12*time.Millisecond)
	}
}

// BenchmarkRouteEndAmong counts at random among many routes, whose counters
// then aren't in the processor's caches.
func BenchmarkRouteEndAmong(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			m, err := NewMetrics("test")
			if err != nil {
				b.Fatal(err)
			}
			routes := make([]*RouteMetrics, n)
			for i := range routes {
				routes[i] = m.Route(fmt.Sprint("/service/", i))
				routes[i].Begin()
				routes[i].End("GET", "https", 2, 0, 200, "", time.Millisecond)
			}
			chance := rand.New(rand.NewPCG(1, 2))
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				r := routes[chance.IntN(n)]
				r.Begin()
				r.End("GET", "https", 2, 0, 200, "", 12*time.Millisecond)
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkRouteEndParallel(b *testing.B) {
	m, err := NewMetrics("test")
	if err != nil {
		b.Fatal(err)
	}
	r := m.Route("features")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Begin()
			r.End("GET", "https", 2, 0, 200, "", 12*time.Millisecond)
		}
	})
}

// What the same would cost with the SDK's own instruments, and with attribute
// sets that are looked up, as ours are, instead of being made: the reason why
// we count by ourselves.
func BenchmarkRouteEndWithSDKInstruments(b *testing.B) {
	exporter, err := prometheus.New(prometheus.WithRegisterer(promclient.NewRegistry()))
	if err != nil {
		b.Fatal(err)
	}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)).Meter("bench")
	duration, err := meter.Float64Histogram("http.server.request.duration", metric.WithExplicitBucketBoundaries(durationBounds...))
	if err != nil {
		b.Fatal(err)
	}
	active, err := meter.Int64UpDownCounter("http.server.active_requests")
	if err != nil {
		b.Fatal(err)
	}
	route := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(semconv.HTTPRoute("features")))}
	var options table[seriesKey, []metric.RecordOption]
	ctx := context.Background()

	b.ReportAllocs()
	for b.Loop() {
		active.Add(ctx, 1, route...)
		k := newSeriesKey("GET", 200, "")
		k.scheme, k.major = schemeOf("https"), 2
		o := options.get(k)
		if o == nil {
			o = options.add(k, func(int) bool { return true }, func() *[]metric.RecordOption {
				set := attribute.NewSet(append(k.attributes(500), semconv.HTTPRoute("features"))...)
				return &[]metric.RecordOption{metric.WithAttributeSet(set)}
			})
		}
		duration.Record(ctx, (12 * time.Millisecond).Seconds(), (*o)...)
		active.Add(ctx, -1, route...)
	}
}
