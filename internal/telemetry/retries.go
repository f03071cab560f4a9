package telemetry

import "go.opentelemetry.io/otel/attribute"

// Retries is what is told of the attempts that Levee makes beyond the first at
// one upstream.
type Retries struct {
	// BudgetLeft is how many retries there is budget for.
	BudgetLeft float64
	// Sent counts retries, by what they followed.
	Sent []SentRetries
	// GivenUp counts retries that were not made, by reason, Hedges second
	// attempts beside slow first ones, by what came of them.
	GivenUp, Hedges map[string]uint64
}

// SentRetries counts the retries that followed one thing.
type SentRetries struct {
	On                string
	Succeeded, Failed uint64
}

// Retries tells of the attempts that Levee makes beyond the first.
func (g *Gauges) Retries(upstream string, r *Retries) {
	u := keyUpstream.String(validLabel(upstream))
	g.add("levee.retry.budget_left", "Retries that Levee has budget for.", "{attempt}", gaugeSum, r.BudgetLeft, u)
	for _, s := range r.Sent {
		const name, help = "levee.retries", "Retries that Levee made, by what they followed, and whether they brought an answer that isn't retried."
		on := attribute.String("on", validLabel(s.On))
		g.add(name, help, "{attempt}", counter, float64(s.Succeeded), u, on, attribute.String("result", "success"))
		g.add(name, help, "{attempt}", counter, float64(s.Failed), u, on, attribute.String("result", "failure"))
	}
	for reason, n := range r.GivenUp {
		g.add("levee.retries.given_up", "Retries that Levee did not make though they would have been worth it, by reason.", "{request}", counter, float64(n), u, attribute.String("reason", validLabel(reason)))
	}
	for result, n := range r.Hedges {
		g.add("levee.hedges", "Second attempts beside slow first ones: won, lost, or why they were not made.", "{request}", counter, float64(n), u, attribute.String("result", validLabel(result)))
	}
}
