package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// The modes of an endpoint's limit, as the configuration has them.
const fixedMode = "fixed"

// rules are the limiter's, in words for somebody who has never heard of them.
var rules = map[string]string{
	"grow":  "all of it is used, and the service likely takes more",
	"cut":   "requests queue inside the service",
	"probe": "latency is high and nobody leaves: slow or full? more tells it",
	"drop":  "the service refuses or breaks",
	"idle":  "no more than that was used lately",
	"apart": "one class of requests was slow alone and has a limit of its own, or had",
}

// limitRow is one endpoint's admission, for a table.
type limitRow struct {
	Upstream, Address string
	*proxy.AdmissionStatus
	// Words says what the limit did last, and why; empty: nothing worth telling.
	Words string
	// Usual are the latencies without queueing, by class.
	Usual string
	// Refused are the sheds since the start, by reason and priority.
	Refused []string
}

// wordyRows is how many endpoints are told of in words whatever they do. Of
// more, only those are that shed, or are about to: one looks for those.
const wordyRows = 12

// limits are the rows of all endpoints that have a limit.
func limits(now time.Time, upstreams []proxy.UpstreamStatus) (rows []limitRow) {
	for _, u := range upstreams {
		for _, e := range u.Endpoints {
			if e.Admission == nil {
				continue
			}
			var words strings.Builder
			words.WriteString("Limit " + limitWords(now, e.Admission) + ".")
			if e.Admission.Standing {
				words.WriteString(" The queue doesn't drain, so the newest go first.")
			}
			if n := e.Admission.Abandoned; n > 0 {
				fmt.Fprintf(&words, " The service is believed to be at work on %s more that nobody waits for.", count(int64(n), "request"))
			}
			for _, a := range e.Admission.Apart {
				fmt.Fprintf(&words, " Apart: %s has been limited to %s for %s, as %s.", a.Class, number(a.Limit), span(now.Sub(a.Since)), a.Why)
			}
			rows = append(rows, limitRow{
				Upstream: u.Name, Address: e.Address, AdmissionStatus: e.Admission,
				Words: words.String(), Usual: baselineWords(e.Admission), Refused: refusedWords(e.Admission),
			})
		}
	}
	for i := range rows {
		r := &rows[i]
		troubled := r.Standing || len(r.Recent.Sheds) > 0
		untouched := r.Move == nil && r.Usual == "" && len(r.Refused) == 0
		if !troubled && (untouched || len(rows) > wordyRows) {
			r.Words, r.Usual, r.Refused = "", "", nil
		}
	}
	return rows
}

// LimitText is the limit as people read it: whole, as only whole requests are admitted.
func (r limitRow) LimitText() string { return number(r.Limit) }

// Waiting is how long the first of those that wait has.
func (r limitRow) Waiting() string { return latency(r.Wait) }

// Shed is how many were refused since the start.
func (r limitRow) Shed() uint64 { return shedOf(r.Sheds).count + r.StreamsShed }

// Now is what is shed right now.
func (r limitRow) Now() string {
	s := shedOf(r.Recent.Sheds)
	if s.count == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s)", rate(s.count, r.Recent.Over), percent(s.count, s.count+r.Recent.Admitted))
}

// limitWords completes "the limit is …".
func limitWords(now time.Time, a *proxy.AdmissionStatus) string {
	switch m := a.Move; {
	case a.Mode == fixedMode:
		return number(a.Limit) + ", fixed by the configuration"
	case m == nil:
		return number(a.Limit) + ", and has not moved yet"
	default:
		ago := span(now.Sub(m.At)) + " ago"
		if now.Sub(m.At) < time.Second {
			ago = "just now"
		}
		words := number(a.Limit)
		switch from := number(m.From); {
		case from == words:
			words += ", kept " + ago
		case m.From > a.Limit:
			words += ", lowered " + ago + " from " + from
		default:
			words += ", raised " + ago + " from " + from
		}
		if meaning := rules[m.Rule]; meaning != "" {
			return fmt.Sprintf("%s as %s (%s: %s)", words, meaning, m.Rule, m.Why)
		}
		return fmt.Sprintf("%s (%s: %s)", words, m.Rule, m.Why)
	}
}

// baselineWords lists what requests take when nothing queues, by class; the
// slowest first, as they are what one asks about.
func baselineWords(a *proxy.AdmissionStatus) string {
	const most = 8
	all := slices.SortedStableFunc(slices.Values(a.Baselines), func(x, y proxy.BaselineStatus) int {
		return cmp.Compare(y.Baseline, x.Baseline)
	})
	var words []string
	for _, b := range all[:min(len(all), most)] {
		words = append(words, fmt.Sprintf("%s %s", b.Class, latency(b.Baseline)))
	}
	if n := len(all) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, ", ")
}

// reasons are those of sheds, in words.
var reasons = map[string]string{
	"queue_full":   "as many waited as may",
	"queue_bytes":  "those that waited held as much memory as they may",
	"deadline":     "the answer would have come too late",
	"overload":     "waited too long",
	"unfair":       "the client had more than its share",
	"retry_budget": "as many retries as may were let in already",
}

// refusedWords lists what was refused since the start, a line for each reason
// and priority, the most first.
func refusedWords(a *proxy.AdmissionStatus) (lines []string) {
	const most = 6
	all := slices.SortedStableFunc(slices.Values(a.Sheds), func(x, y proxy.ShedStatus) int {
		return cmp.Compare(y.Count, x.Count)
	})
	for _, s := range all[:min(len(all), most)] {
		line := fmt.Sprintf("%s of priority %s: %s", count(int64(s.Count), "request"), s.Priority, s.Reason)
		if words := reasons[s.Reason]; words != "" {
			line += ", " + words
		}
		if s.Retries > 0 {
			line += fmt.Sprintf(" (%s)", count2(s.Retries, "retry", "retries"))
		}
		lines = append(lines, line)
	}
	if n := len(all) - most; n > 0 {
		lines = append(lines, fmt.Sprintf("and for %d more reasons and priorities", n))
	}
	if a.StreamsShed > 0 {
		lines = append(lines, fmt.Sprintf("%s: streams, too many streams were open", count(int64(a.StreamsShed), "request")))
	}
	return lines
}

// shedding is a sum of sheds.
type shedding struct {
	count, retries uint64
	by             map[string]uint64 // priority
	why            map[string]uint64 // reason
}

func (s *shedding) add(all []proxy.ShedStatus) {
	if s.by == nil {
		s.by, s.why = map[string]uint64{}, map[string]uint64{}
	}
	for _, n := range all {
		s.count += n.Count
		s.retries += n.Retries
		s.by[n.Priority] += n.Count
		s.why[n.Reason] += n.Count
	}
}

func shedOf(all []proxy.ShedStatus) (s shedding) {
	s.add(all)
	return s
}

// most is the key with the largest count.
func most(counts map[string]uint64) (key string) {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if key == "" || counts[k] > counts[key] {
			key = k
		}
	}
	return key
}

// priorities are the shares of priorities, the most first.
func (s *shedding) priorities(over float64) string {
	if len(s.by) == 1 {
		return "all of priority " + most(s.by)
	}
	keys := slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(s.by))), func(a, b string) int {
		return cmp.Compare(s.by[b], s.by[a])
	})
	var words []string
	for _, k := range keys {
		words = append(words, rate(s.by[k], over)+" "+k)
	}
	return "by priority: " + strings.Join(words, ", ")
}
