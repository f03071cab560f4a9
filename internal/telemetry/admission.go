package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// keyClass tells requests of one upstream apart by what they cost: by route or
// gRPC method. There are at most 64 of an upstream, and a method is only among
// them once the service has answered it.
const keyClass = attribute.Key("levee.class")

// maxFamily bounds the points of one metric: endpoints times classes, or
// reasons, may be more than anyone can store.
const maxFamily = 16384

// Admission is what is told of how requests are admitted to one endpoint.
type Admission struct {
	// Limit is how many requests may be inflight, Inflight how many are,
	// Abandoned how many more the service is believed to be at work on for
	// nobody, Queued how many wait; Standing says that the queue doesn't drain.
	Limit            float64
	Inflight, Queued int
	Abandoned        int
	Standing         bool
	// Streams is how many long-lived streams are open, MaxStreams how many may be.
	Streams, MaxStreams int64
	// Admitted counts permits given, Cancelled those who left while they waited.
	Admitted, Cancelled uint64
	// Waits is a histogram of the times waited, in seconds.
	Waits Histogram
	// Baselines are latencies without queueing in seconds, by class.
	Baselines map[string]float64
	// Moves counts decisions about the limit, by rule.
	Moves map[string]uint64
	// Sheds counts refusals, StreamsShed those of streams.
	Sheds       []Shed
	StreamsShed uint64
}

// Shed counts refusals of one kind, First of them of first attempts and
// Retries of retries.
type Shed struct {
	Reason, Priority string
	First, Retries   uint64
}

// Histogram holds one bucket more than it has bounds.
type Histogram struct {
	Bounds  []float64
	Buckets []uint64
	Count   uint64
	Sum     float64
}

// Admission tells of an endpoint's limit, and what becomes of requests at it.
func (g *Gauges) Admission(upstream, address string, a *Admission) {
	u, e := keyUpstream.String(validLabel(upstream)), keyEndpoint.String(validLabel(address))
	standing := 0.0
	if a.Standing {
		standing = 1
	}
	g.add("levee.limit", "Requests that may be inflight at an endpoint at once.", "{request}", gaugeSum, a.Limit, u, e)
	g.add("levee.inflight", "Requests that hold a permit of an endpoint.", "{request}", gaugeSum, float64(a.Inflight), u, e)
	g.add("levee.abandoned", "Requests that nobody waits for any more, but that the endpoint is believed to be at work on.", "{request}", gaugeSum, float64(a.Abandoned), u, e)
	g.add("levee.queue.length", "Requests that wait for a permit.", "{request}", gaugeSum, float64(a.Queued), u, e)
	g.add("levee.queue.standing", "1 while the queue doesn't drain and the newest go first, else 0.", "", gaugeLargest, standing, u, e)
	g.histogram("levee.queue.wait", "Time that requests waited for a permit, those that had to, whatever became of them.", "s", a.Waits, u, e)
	g.add("levee.queue.cancelled", "Requests whose client left while they waited for a permit.", "{request}", counter, float64(a.Cancelled), u, e)
	g.add("levee.admitted", "Requests that got a permit.", "{request}", counter, float64(a.Admitted), u, e)
	g.add("levee.streams", "Long-lived streams open at an endpoint.", "{stream}", gaugeSum, float64(a.Streams), u, e)
	g.add("levee.streams.max", "Long-lived streams that may be open at an endpoint.", "{stream}", gaugeSum, float64(a.MaxStreams), u, e)
	for class, seconds := range a.Baselines {
		g.add("levee.baseline", "Latency of an endpoint when nothing queues, by class of request.", "s", gaugeLargest, seconds, u, e, keyClass.String(validLabel(class)))
	}
	for rule, n := range a.Moves {
		g.add("levee.limit.moves", "Decisions about the limit, by the rule that made them.", "{decision}", counter, float64(n), u, e, attribute.String("rule", validLabel(rule)))
	}
	g.add("levee.streams.shed", "Requests refused because too many streams were open.", "{request}", counter, float64(a.StreamsShed), u, e)
	for _, s := range a.Sheds {
		reason, priority := attribute.String("reason", validLabel(s.Reason)), attribute.String("priority", validLabel(s.Priority))
		const name, help = "levee.shed", "Requests refused to spare the endpoint, by reason, priority, and whether they were retries."
		g.add(name, help, "{request}", counter, float64(s.First), u, e, reason, priority, attribute.String("attempt", "first"))
		g.add(name, help, "{request}", counter, float64(s.Retries), u, e, reason, priority, attribute.String("attempt", "retry"))
	}
}

// State tells of the state file: when it was written last, and how many writes failed.
// The time is zero if it never was.
func (g *Gauges) State(written time.Time, errors uint64) {
	if !written.IsZero() {
		g.add("levee.state.written_timestamp", "When the state file was written last.", "s", gaugeLargest, float64(written.UnixMilli())/1e3)
	}
	g.add("levee.state.errors", "Writes of the state file that failed.", "{write}", counter, float64(errors))
}

// histogram adds one, to another one of the same thing if there is one.
func (g *Gauges) histogram(name, help, unit string, h Histogram, kv ...keyValue) {
	if len(h.Buckets) != len(h.Bounds)+1 {
		return
	}
	f, i, set := g.point(name, help, unit, histogramSum, kv)
	if i >= 0 {
		p := &f.histograms[i]
		for b := range p.BucketCounts {
			p.BucketCounts[b] += h.Buckets[b]
		}
		p.Count += h.Count
		p.Sum += h.Sum
		return
	}
	if set == nil {
		return
	}
	f.histograms = append(f.histograms, metricdata.HistogramDataPoint[float64]{
		Attributes: *set, StartTime: g.start, Time: g.now,
		Count: h.Count, Bounds: h.Bounds, BucketCounts: append([]uint64(nil), h.Buckets...), Sum: h.Sum,
	})
}
