package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// The states of an upstream's storm detector that are told of.
const (
	stormState      = "storm"
	recoveringState = "recovering"
)

// stormRow is what an upstream's clients repeat, for a table.
type stormRow struct {
	Upstream string
	*proxy.StormStatus
	// Words says what happens; empty: nothing worth telling.
	Words string
}

// storms are the rows of all upstreams whose clients are looked at. Where no
// client has ever tried again there is nothing to tell.
func storms(now time.Time, upstreams []proxy.UpstreamStatus) (rows []stormRow) {
	for _, u := range upstreams {
		s := u.Storm
		if s == nil || s.State == "calm" && retriesSeen(s) == 0 {
			continue
		}
		r := stormRow{Upstream: u.Name, StormStatus: s}
		if s.State != "calm" {
			r.Words = stormWords(now, s)
		}
		rows = append(rows, r)
	}
	return rows
}

func retriesSeen(s *proxy.StormStatus) (n uint64) {
	for _, r := range s.Retries {
		n += r.Seen
	}
	return n
}

// Lately is how many of the latest attempts are retries.
func (r stormRow) Lately() string { return percent(r.Recent.Retries, r.Recent.Attempts) }

// Times is how often each request is tried.
func (r stormRow) Times() string { return times(r.Recent.Amplification) }

// Left is what the budget has for retries.
func (r stormRow) Left() string {
	if !r.Budget.Bound {
		return "not bound"
	}
	return fmt.Sprintf("%.0f of %.0f", r.Budget.Left, r.Budget.Most)
}

// Seen and Shed count retries since the start.
func (r stormRow) Seen() uint64 { return retriesSeen(r.StormStatus) }

// Shed counts the retries that were over the budget.
func (r stormRow) Shed() (n uint64) {
	for _, how := range r.Retries {
		n += how.Shed
	}
	return n
}

// Stopped and Returned count what refused clients were told.
func (r stormRow) Stopped() uint64 { return r.Told["stop"] }

// Returned counts those told when to come back.
func (r stormRow) Returned() uint64 { return r.Told["return"] }

// times is an amplification as people read it.
func times(amplification float64) string { return fmt.Sprintf("%.1f times", max(amplification, 1)) }

// stormWords says since when, why, who retries, and what is let in.
func stormWords(now time.Time, s *proxy.StormStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %s: %s.", strings.ToUpper(s.State[:1])+s.State[1:], span(now.Sub(s.Since)), s.Why)
	if who := whoRetries(s); who != "" {
		fmt.Fprintf(&b, " %s.", who)
	}
	switch {
	case s.Mode != "bound":
		b.WriteString(" They are only observed (storm.mode).")
	case s.Budget.Bound:
		fmt.Fprintf(&b, " Retries are let in up to %.0f%% of what is answered usefully; there is room for %.0f now.", s.Budget.Percent, s.Budget.Left)
	}
	if s.Promised > 0 {
		fmt.Fprintf(&b, " %s told when to come back.", count2(uint64(s.Promised), "client was", "clients were"))
	}
	return b.String()
}

// whoRetries tells how the retries spread over clients, never which they are.
func whoRetries(s *proxy.StormStatus) string {
	const half = 0.5
	share := 0.0
	for i, c := range s.Clients {
		if share += c.Share; share >= half {
			if i == 0 {
				return fmt.Sprintf("%.0f%% of the retries come from one client", 100*share)
			}
			return fmt.Sprintf("%.0f%% of the retries come from %d clients", 100*share, i+1)
		}
	}
	if len(s.Clients) > 0 {
		return "The retries come from many clients"
	}
	return ""
}

// stormProblems tells of a storm, and of one that ends.
func stormProblems(now time.Time, u proxy.UpstreamStatus) []Problem {
	s := u.Storm
	if s == nil {
		return nil
	}
	p := Problem{Since: s.Since}
	switch s.State {
	case stormState:
		p.Severity = Critical
		p.What = fmt.Sprintf("%s: a retry storm: each request is tried %s. %s", u.Name, times(s.Recent.Amplification), stormWords(now, s))
		p.Do = "Clients that can be told are told to stop, or when to come back. Look for those that retry all the same in the access log (attempt above 1), and have them back off. Then look for what made the service slow or fail: that began it."
		if s.Mode != "bound" {
			p.Do = "Let Levee bound retries (storm.mode: bound), or have the clients back off. Then look for what made the service slow or fail: that began it."
		}
	case recoveringState:
		p.Severity = Notice
		p.What = fmt.Sprintf("%s: a retry storm is over. %s", u.Name, stormWords(now, s))
		p.Do = "Nothing: retries are let in again step by step, so that those that have waited don't begin it anew."
	default:
		return nil
	}
	return []Problem{p}
}
