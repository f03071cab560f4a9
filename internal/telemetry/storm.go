package telemetry

import "go.opentelemetry.io/otel/attribute"

// Storm is what is told of the retries that an upstream's clients make.
type Storm struct {
	// State is 0 for calm, 1 for watch, 2 for storm and 3 for recovering; Entered
	// counts, by name, how often each was entered.
	State   int
	Entered map[string]uint64
	// RetryRatio is the part of the attempts of the last seconds that are
	// retries, Amplification how many attempts there were for one request.
	RetryRatio, Amplification float64
	// BudgetLeft is how many second attempts would be let in at once.
	BudgetLeft float64
	// Retries counts those seen, by how they were recognised.
	Retries []InboundRetries
	// Told counts refused requests by what their clients were told.
	Told map[string]uint64
	// Kept counts retries that came when they had been told to.
	Kept uint64
}

// InboundRetries counts retries that were recognised in one way.
type InboundRetries struct {
	How            string
	Admitted, Shed uint64
}

// Storm tells of the retries that an upstream's clients make.
func (g *Gauges) Storm(upstream string, s *Storm) {
	u := keyUpstream.String(validLabel(upstream))
	g.add("levee.storm.state", "How things stand with clients' retries: 0 calm, 1 watch, 2 storm, 3 recovering.", "", gaugeLargest, float64(s.State), u)
	for to, n := range s.Entered {
		g.add("levee.storm.changes", "Changes of the storm state, by the state entered.", "{change}", counter, float64(n), u, attribute.String("to", validLabel(to)))
	}
	for _, r := range s.Retries {
		const name, help = "levee.inbound.retries", "Retries that clients made, by how they were recognised, and whether the retry budget let them in or shed them."
		how := attribute.String("how", validLabel(r.How))
		g.add(name, help, "{request}", counter, float64(r.Admitted), u, how, attribute.String("result", "admitted"))
		g.add(name, help, "{request}", counter, float64(r.Shed), u, how, attribute.String("result", "shed"))
	}
	g.add("levee.inbound.retry_ratio", "Part of the attempts of the last seconds that are clients' retries.", "", gaugeLargest, s.RetryRatio, u)
	g.add("levee.amplification", "Attempts of the last seconds for each request that a client wants answered.", "", gaugeLargest, s.Amplification, u)
	g.add("levee.inbound.retry_budget_left", "Second attempts that the inbound retry budget would let in at once.", "{request}", gaugeSum, s.BudgetLeft, u)
	for told, n := range s.Told {
		g.add("levee.answers.told", "Refused requests, by what their clients were told.", "{answer}", counter, float64(n), u, attribute.String("told", validLabel(told)))
	}
	g.add("levee.returns.kept", "Retries that came back when they had been told to.", "{request}", counter, float64(s.Kept), u)
}
