package admin

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/levee-proxy/levee/proxy"
)

// retryRow is what Levee retries at an upstream, for a table.
type retryRow struct {
	Upstream string
	*proxy.RetryStatus
}

// retries are the rows of all upstreams where there may be any.
func retries(upstreams []proxy.UpstreamStatus) (rows []retryRow) {
	for _, u := range upstreams {
		if u.Retries != nil {
			rows = append(rows, retryRow{u.Name, u.Retries})
		}
	}
	return rows
}

// Budget is what is left of it, and what fills it.
func (r retryRow) Budget() string {
	return fmt.Sprintf("%.0f left (%s%% of successes, and %s/s)", r.Left, short3(r.Percent), short3(r.MinPerSecond))
}

// short3 is a setting as it was written.
func short3(v float64) string { return fmt.Sprintf("%.3g", v) }

// Lately is what became of retries in the last seconds, in words.
func (r retryRow) Lately() string {
	rec := &r.Recent
	words := "none"
	if rec.Sent > 0 {
		words = fmt.Sprintf("%s, %d of them with success", count2(rec.Sent, "retry", "retries"), rec.Succeeded)
	}
	if why := givenUpWords(rec.GivenUp); why != "" {
		words += "; not made: " + why
	}
	return words
}

// Total is what was sent since the start, and with what success.
func (r retryRow) Total() string {
	var all, good uint64
	for _, s := range r.Sent {
		all += s.Succeeded + s.Failed
		good += s.Succeeded
	}
	if all == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s with success)", all, percent(good, all))
}

// Never is what was not made since the start.
func (r retryRow) Never() string { return cmp.Or(givenUpWords(r.GivenUp), "-") }

// Hedged is what became of second attempts beside slow first ones.
func (r retryRow) Hedged() string {
	if len(r.Hedges) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, %d of them first", r.Hedges["won"]+r.Hedges["lost"], r.Hedges["won"])
}

// notMade are the reasons for retries not made, in words.
var notMade = map[string]string{
	"method":              "the method isn't safe to repeat",
	"body_too_large":      "the body was too large to keep",
	"chain":               "the request was a retry itself",
	"attempts":            "no more attempts were left",
	"refused_by_upstream": "the answer said not to",
	"deadline":            "no time was left",
	"budget":              "no budget was left",
	"no_endpoint":         "there was no endpoint",
	"limit":               "no endpoint had room",
	"ended":               "the client left",
}

// givenUpWords lists reasons with their counts, the most first.
func givenUpWords(counts map[string]uint64) string {
	keys := slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(counts))), func(a, b string) int {
		return cmp.Compare(counts[b], counts[a])
	})
	var words []string
	for _, k := range keys {
		words = append(words, fmt.Sprintf("%d because %s", counts[k], cmp.Or(notMade[k], k)))
	}
	return strings.Join(words, ", ")
}

// writeRetries writes a line for each upstream whose requests are retried.
func writeRetries(b *bytes.Buffer, rows []retryRow) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "UPSTREAM\tRETRIES\tBUDGET\tHEDGES")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(r.Upstream, false), r.Total(), r.Budget(), r.Hedged())
	}
	t.Flush()
	for _, r := range rows {
		if r.Recent.Sent == 0 && len(r.GivenUp) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s: retries in the last %.0f s: %s\n", printable(r.Upstream, false), r.Recent.Over, printable(r.Lately(), false))
		if len(r.GivenUp) > 0 {
			fmt.Fprintf(b, "  not made since the start: %s\n", printable(r.Never(), false))
		}
	}
}

// retryProblems tells of retries that the budget has stopped: so much fails that
// they would make it worse.
func retryProblems(u proxy.UpstreamStatus) []Problem {
	if u.Retries == nil {
		return nil
	}
	r := &u.Retries.Recent
	n := r.GivenUp["budget"]
	if n == 0 {
		return nil
	}
	return []Problem{{
		Severity: Warning,
		What: fmt.Sprintf("%s: so much fails that retries are over their budget: in the last %.0f s, %s not made, and %d were.",
			u.Name, r.Over, count2(n, "was", "were"), r.Sent),
		Do: "Look for what fails, in the endpoints' states and in the access log. The budget keeps retries from adding to it; a larger one (retry.budget) would help only where few requests fail for a moment.",
	}}
}
