package telemetry

import "go.opentelemetry.io/otel/attribute"

// Idempotency is what metrics tell of keyed requests.
type Idempotency struct {
	// Keys are remembered, and take Bytes; Running ones are under way, Doubtful
	// ones may have been carried out and got no answer.
	Keys, Running, Doubtful int
	Bytes                   int64
	// Journal says that there is one, of JournalBytes. Failing: it can't be read
	// or written.
	Journal, Failing bool
	JournalBytes     int64
	// Results counts requests by route and by what became of them.
	Results map[string]map[string]uint64
}

// Idempotency tells of keyed requests.
func (g *Gauges) Idempotency(i *Idempotency) {
	g.add("levee.idempotency.keys", "Idempotency keys that are remembered.", "{key}", gaugeSum, float64(i.Keys))
	g.add("levee.idempotency.running", "Requests with an idempotency key that are under way.", "{request}", gaugeSum, float64(i.Running))
	g.add("levee.idempotency.in_doubt", "Keys whose request may have been carried out, and whose answer is lost.", "{key}", gaugeSum, float64(i.Doubtful))
	g.add("levee.idempotency.size", "What keys and answers take in memory.", "By", gaugeSum, float64(i.Bytes))
	if i.Journal {
		failing := 0.0
		if i.Failing {
			failing = 1
		}
		g.add("levee.idempotency.journal.size", "The size of the idempotency journal.", "By", gaugeSum, float64(i.JournalBytes))
		g.add("levee.idempotency.journal.failing", "1 while the idempotency journal can't be read or written, else 0.", "", gaugeLargest, failing)
	}
	for route, results := range i.Results {
		for result, n := range results {
			g.add("levee.idempotency", "Requests on routes with an idempotency mode, by what became of them.", "", counter, float64(n),
				attribute.String("route", validLabel(route)), attribute.String("result", result))
		}
	}
}
