package telemetry

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type keyValue = attribute.KeyValue

// What our own metrics are told apart by. The things that Levee knows by name
// carry its prefix, so that they are the same in all metrics; what describes a
// single metric doesn't.
const (
	keyListener = attribute.Key("levee.listener")
	keyUpstream = attribute.Key("levee.upstream")
	keyEndpoint = attribute.Key("levee.endpoint")
)

// The states of an endpoint, all of which are told: 1 for the one it is in.
var endpointStates = []string{"ready", "ramping", "ejected", "unhealthy", "failing"}

// Gauges collects, at a scrape, what is known elsewhere. Numbers told twice
// for the same thing (as by two endpoints with the same address) are added;
// states and times are not: the larger one is taken.
type Gauges struct {
	start, now time.Time
	families   []*family
	byName     map[string]*family
}

// family is one metric with its points.
type family struct {
	name, help, unit string
	kind             kind
	points           []metricdata.DataPoint[float64]
	histograms       []metricdata.HistogramDataPoint[float64]
	at               map[attribute.Distinct]int
}

type kind uint8

const (
	gaugeLargest kind = iota // a state or a time
	gaugeSum                 // a number now
	counter                  // a number since the start
	histogramSum             // numbers since the start, in buckets
)

// Listener tells of a listener: its open connections, how many it may have (0:
// any number), how many it accepted, and how many had to wait for the rate of
// connections.
func (g *Gauges) Listener(address string, open, most int64, accepted, delayed uint64) {
	l := keyListener.String(validLabel(address))
	g.add("levee.connections.open", "Client connections open now.", "{connection}", gaugeSum, float64(open), l)
	g.add("levee.connections.max", "Client connections that may be open at once.", "{connection}", gaugeSum, float64(most), l)
	g.add("levee.connections.accepted", "Client connections accepted.", "{connection}", counter, float64(accepted), l)
	g.add("levee.connections.delayed", "Client connections that waited for the connection rate.", "{connection}", counter, float64(delayed), l)
}

// Certificate tells when a certificate of a listener expires.
func (g *Gauges) Certificate(listener, file string, notAfter time.Time) {
	g.add("levee.certificate.expiration_timestamp", "When a listener's certificate expires.", "s", gaugeLargest, float64(notAfter.Unix()),
		keyListener.String(validLabel(listener)), attribute.String("file", validLabel(file)))
}

// Endpoint tells of an endpoint: its state, the attempts under way, its open
// connections, and the moving average of its latency in seconds.
func (g *Gauges) Endpoint(upstream, address, state string, inflight, connections int64, latency float64) {
	u, e := keyUpstream.String(validLabel(upstream)), keyEndpoint.String(validLabel(address))
	g.add("levee.endpoint.inflight", "Attempts under way at an endpoint.", "{attempt}", gaugeSum, float64(inflight), u, e)
	g.add("levee.endpoint.connections", "Connections open to an endpoint.", "{connection}", gaugeSum, float64(connections), u, e)
	g.add("levee.endpoint.latency", "Peak-sensitive moving average of an endpoint's time until response headers.", "s", gaugeLargest, latency, u, e)
	for _, s := range endpointStates {
		v := 0.0
		if s == state {
			v = 1
		}
		g.add("levee.endpoint.state", "1 for the state that an endpoint is in, 0 for the others.", "", gaugeLargest, v, u, e, attribute.String("state", s))
	}
}

// Config tells of the configuration in force, and how many were taken and
// refused since the start.
func (g *Gauges) Config(hash string, appliedAt time.Time, reloads, refused uint64) {
	g.add("levee.config.info", "The configuration in force.", "", gaugeLargest, 1, attribute.String("hash", validLabel(hash)))
	g.add("levee.config.applied_timestamp", "When the configuration in force was taken.", "s", gaugeLargest, float64(appliedAt.UnixMilli())/1e3)
	const name, help = "levee.config.reloads", "Configurations read again, by what became of them."
	g.add(name, help, "{reload}", counter, float64(reloads), attribute.String("result", "applied"))
	g.add(name, help, "{reload}", counter, float64(refused), attribute.String("result", "refused"))
}

// Sink tells what became of a sink's lines.
func (g *Gauges) Sink(name string, written, dropped, errors uint64) {
	s := attribute.String("sink", validLabel(name))
	g.add("levee.telemetry.written", "Lines of telemetry written.", "{line}", counter, float64(written), s)
	g.add("levee.telemetry.dropped", "Lines of telemetry dropped because the sink was full.", "{line}", counter, float64(dropped), s)
	g.add("levee.telemetry.errors", "Lines of telemetry lost because the sink's writer failed.", "{line}", counter, float64(errors), s)
}

// Counter tells of any other number that only grows. The name is the metric's,
// as levee_panics_total.
func (g *Gauges) Counter(name, help string, v uint64) {
	g.add(name, help, "", counter, float64(v))
}

func (g *Gauges) add(name, help, unit string, k kind, v float64, kv ...keyValue) {
	f, i, set := g.point(name, help, unit, k, kv)
	switch {
	case i >= 0 && f.kind == gaugeLargest:
		f.points[i].Value = max(f.points[i].Value, v)
	case i >= 0:
		f.points[i].Value += v
	case set != nil:
		f.points = append(f.points, metricdata.DataPoint[float64]{Attributes: *set, StartTime: g.start, Time: g.now, Value: v})
	}
}

// point finds the metric of that name, and where in it the point of these
// attributes is. Where there is none yet, the index is -1, and the attributes
// are returned for the point that the caller appends; nil: there are too many.
func (g *Gauges) point(name, help, unit string, k kind, kv []keyValue) (*family, int, *attribute.Set) {
	f := g.byName[name]
	if f == nil {
		f = &family{name: name, help: help, unit: unit, kind: k, at: map[attribute.Distinct]int{}}
		g.byName[name] = f
		g.families = append(g.families, f)
	}
	set := attribute.NewSet(kv...)
	if i, ok := f.at[set.Equivalent()]; ok {
		return f, i, nil
	}
	if len(f.at) >= maxFamily {
		return f, -1, nil
	}
	f.at[set.Equivalent()] = len(f.at)
	return f, -1, &set
}

func (f *family) metric() metricdata.Metrics {
	m := metricdata.Metrics{Name: f.name, Description: f.help, Unit: f.unit}
	switch f.kind {
	case counter:
		m.Data = metricdata.Sum[float64]{DataPoints: f.points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	case histogramSum:
		m.Data = metricdata.Histogram[float64]{DataPoints: f.histograms, Temporality: metricdata.CumulativeTemporality}
	default:
		m.Data = metricdata.Gauge[float64]{DataPoints: f.points}
	}
	return m
}

// validLabel makes a label's value of any string: an invalid one would cost
// the whole metric.
func validLabel(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
