package main

import (
	"fmt"
	"slices"
	"time"
)

// report is all that was measured.
type report struct {
	Cases []caseResult `json:"cases"`
}

// caseResult is one case with all its proxies.
type caseResult struct {
	Name     string       `json:"name"`
	Title    string       `json:"title"`
	Measured time.Time    `json:"measured"`
	Seconds  float64      `json:"secondsPerRun"`
	Note     string       `json:"note,omitzero"`
	Peers    []peerResult `json:"proxies"`
}

// peerResult is one proxy in one case.
type peerResult struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitzero"`
	Variant string   `json:"variant,omitzero"` // what it has how many of, where that grows
	Floor   string   `json:"floor,omitzero"`   // what it is instead of a proxy
	Absent  string   `json:"absent,omitzero"`  // why it takes no part
	Failed  string   `json:"failed,omitzero"`  // why it could not be measured to the end
	Samples []sample `json:"runs,omitzero"`    // one a round
}

// failed says whether something could not be measured.
func (r *report) failed() bool {
	for _, c := range r.Cases {
		if slices.ContainsFunc(c.Peers, func(p peerResult) bool { return p.Failed != "" }) {
			return true
		}
	}
	return false
}

// label names a proxy, and which of its variants.
func (p *peerResult) label() string {
	if p.Variant == "" {
		return p.Name
	}
	return p.Name + ", " + p.Variant
}

// grows says whether the case has variants.
func (c *caseResult) grows() bool {
	return slices.ContainsFunc(c.Peers, func(p peerResult) bool { return p.Variant != "" })
}

// against is whom a proxy is compared with: Levee, or, where something grows,
// its own first variant.
func (c *caseResult) against(p *peerResult) *peerResult {
	if !c.grows() {
		return c.peer(levee)
	}
	return c.peer(p.Name)
}

// spread is the least, the middle and the greatest of several figures.
type spread struct{ min, median, max float64 }

// spreadOf sums up; ok is false if there is nothing.
func spreadOf(figures []float64) (s spread, ok bool) {
	if len(figures) == 0 {
		return s, false
	}
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}, true
}

// quartilesOf sums up many: between the first and the last is the half in the middle.
func quartilesOf(figures []float64) (s spread, ok bool) {
	if s, ok = spreadOf(figures); ok {
		sorted := slices.Sorted(slices.Values(figures))
		n := len(sorted)
		s.min, s.max = sorted[(n-1)/4], sorted[n-1-(n-1)/4]
	}
	return s, ok
}

// of is a figure of all runs.
func (p *peerResult) of(figure func(*sample) float64) (spread, bool) {
	var figures []float64
	for i := range p.Samples {
		figures = append(figures, figure(&p.Samples[i]))
	}
	return spreadOf(figures)
}

// ratio is a figure of one proxy over another's, round by round: what both
// shared of the machine's moods falls out.
func ratio(a, b *peerResult, figure func(*sample) float64) (spread, bool) {
	return spreadOf(ratios(a, b, figure))
}

func ratios(a, b *peerResult, figure func(*sample) float64) (ratios []float64) {
	for i := range min(len(a.Samples), len(b.Samples)) {
		if below := figure(&b.Samples[i]); below > 0 {
			ratios = append(ratios, figure(&a.Samples[i])/below)
		}
	}
	return ratios
}

// The figures.
func cpu(s *sample) float64           { return s.CPU }
func rate(s *sample) float64          { return s.Rate }
func p50(s *sample) float64           { return s.P50 }
func p99(s *sample) float64           { return s.P99 }
func rss(s *sample) float64           { return float64(s.RSS) }
func perConnection(s *sample) float64 { return s.PerConnection }

// String is a run in one line.
func (s sample) String() string {
	if s.PerConnection != 0 {
		return fmt.Sprintf("%.1f MB, %.1f KB a connection", float64(s.RSS)/1e6, s.PerConnection/1e3)
	}
	return fmt.Sprintf("%6.1f µs of CPU a request, %6.0f requests/s, p50 %.2f ms, p99 %.2f ms, %.1f MB; cores: proxy %.2f, origin %.2f, load %.2f",
		s.CPU, s.Rate, s.P50, s.P99, float64(s.RSS)/1e6, s.ProxyCores, s.OriginCores, s.LoadCores)
}
