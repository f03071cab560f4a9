package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

const (
	// certificateWarning is how long before its end a certificate is a problem.
	certificateWarning = 14 * 24 * time.Hour

	// sinkWarning is how long after its latest drop or failure a log's trouble
	// is still told.
	sinkWarning = time.Minute
)

// Severity is how bad a problem is.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical" // clients feel it
	Warning  Severity = "warning"  // they will, or something else was lost
	Notice   Severity = "notice"   // somebody asked for it
)

// Problem is one thing that is wrong, for somebody who was just woken up.
type Problem struct {
	Severity Severity `json:"severity"`
	// What is wrong, in a sentence that names the thing and the reason.
	What string `json:"what"`
	// Detail is the full text of an error, if it doesn't fit a sentence.
	Detail string `json:"detail,omitempty"`
	// Since is when it began; zero if that isn't known.
	Since time.Time `json:"since,omitzero"`
	// Do is what to do about it.
	Do string `json:"do"`
}

// Problems says what is wrong in a snapshot, the worst first: by severity,
// then the oldest. It looks at nothing but s.
func Problems(s *Status) []Problem {
	p := slices.Concat(
		lifeProblems(s),
		listenerProblems(s),
		upstreamProblems(s),
		configProblems(s),
		stateProblems(s),
		snapshotProblems(s),
		idempotencyProblems(s),
		telemetryProblems(s),
	)
	rank := map[Severity]int{Critical: 0, Warning: 1, Notice: 2}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank[a.Severity], rank[b.Severity]),
			compareSince(a.Since, b.Since),
		)
	})
	return p
}

// compareSince puts the older one first, and what has no beginning last.
func compareSince(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

func lifeProblems(s *Status) (p []Problem) {
	switch {
	case s.Proxy.Draining:
		p = append(p, Problem{
			Severity: Notice,
			What:     fmt.Sprintf("Levee is draining: it finishes %s and then stops.", count(s.Proxy.Inflight, "request")),
			Do:       "Nothing, if the stop is wanted. Otherwise start Levee again: a drain can't be called off.",
		})
	case !s.Ready:
		p = append(p, Problem{
			Severity: Critical,
			What:     "Levee is not listening yet: no client is served.",
			Do:       "If this lasts, look into the log for why it can't start.",
		})
	}
	if n := s.Proxy.ConnectionsRefused; n > 0 && s.Time.Sub(s.Proxy.LastRefused) < sinkWarning {
		p = append(p, Problem{
			Severity: Critical,
			What:     fmt.Sprintf("File descriptors are short: %s to upstreams could not be opened since the start, the last at %s.", count(int64(n), "connection"), stamp(s.Proxy.LastRefused)),
			Do:       "Raise the limit of open files (ulimit -n, LimitNOFILE), or lower limits.connections.",
		})
	}
	if n := s.Proxy.Panics; n > 0 {
		p = append(p, Problem{
			Severity: Warning,
			What:     fmt.Sprintf("%s ended in a panic since the start, %s, each answered 500.", count(int64(n), "request"), stamp(s.Proxy.Started)),
			Do:       "This is a bug in Levee: look for \"panic\" in the log and report the stack beside it.",
		})
	}
	return p
}

func listenerProblems(s *Status) (p []Problem) {
	for _, l := range s.Proxy.Listeners {
		if l.AtCap {
			p = append(p, Problem{
				Severity: Critical,
				What:     fmt.Sprintf("Listener %s is at its cap of %s: new clients wait.", l.Address, count(l.MaxConnections, "connection")),
				Do:       "If the clients are real, raise the limit of open files or the listener's maxConnections; if connections only lie idle, shorten timeouts.idle.",
			})
		}
		for _, c := range l.Certificates {
			p = append(p, certificateProblems(s.Time, l.Address, c)...)
		}
	}
	return p
}

func certificateProblems(now time.Time, listener string, c proxy.CertificateStatus) (p []Problem) {
	name := c.File
	if len(c.Names) > 0 {
		name += " (" + strings.Join(c.Names, ", ") + ")"
	}
	const replace = "Put a new certificate and its key into the files: they are read again by themselves."
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		p = append(p, Problem{
			Severity: Critical,
			What:     fmt.Sprintf("The certificate %s of listener %s has expired: clients refuse it.", name, listener),
			Since:    c.NotAfter,
			Do:       replace,
		})
	case left < certificateWarning:
		p = append(p, Problem{
			Severity: Warning,
			What:     fmt.Sprintf("The certificate %s of listener %s expires in %s, %s.", name, listener, span(left), stamp(c.NotAfter)),
			Do:       replace,
		})
	}
	if c.Error != "" {
		p = append(p, Problem{
			Severity: Warning,
			What:     fmt.Sprintf("The newest version of the certificate %s of listener %s could not be read; the one before it stays in use.", c.File, listener),
			Detail:   c.Error,
			Do:       "Mend the files: certificate and key must belong together. They are read again by themselves.",
		})
	}
	return p
}

func upstreamProblems(s *Status) (p []Problem) {
	for _, u := range s.Proxy.Upstreams {
		if u.ResolveError != "" {
			what := fmt.Sprintf("A name of upstream %s doesn't resolve; the last good addresses stay in use.", u.Name)
			severity := Warning
			if len(u.Endpoints) == 0 {
				what = fmt.Sprintf("Upstream %s has no address, as its name doesn't resolve: its requests fail.", u.Name)
				severity = Critical
			}
			p = append(p, Problem{
				Severity: severity,
				What:     what,
				Detail:   u.ResolveError,
				Do:       "Check the name in the configuration, and the DNS server.",
			})
		}
		p = append(p, endpointProblems(u)...)
		p = append(p, sheddingProblems(s.Time, u)...)
		p = append(p, stormProblems(s.Time, u)...)
		p = append(p, retryProblems(u)...)
	}
	return p
}

func endpointProblems(u proxy.UpstreamStatus) (p []Problem) {
	var latest time.Time
	for _, e := range u.Endpoints {
		if well(e) {
			continue
		}
		latest = later(latest, e.Since)
		what := fmt.Sprintf("Endpoint %s of upstream %s is %s", e.Address, u.Name, e.State)
		if e.Reason != "" {
			what += ": " + strings.TrimSuffix(e.Reason, ".")
		}
		do := fmt.Sprintf("Look at the service on %s. It is tried again, with few requests at first, when its ejection ends.", e.Address)
		if e.State == proxy.StateUnhealthy {
			do = fmt.Sprintf("Look at the service on %s. It is used again, with few requests at first, when its health checks succeed.", e.Address)
		}
		if e.State == proxy.StateFailing {
			do = fmt.Sprintf("Look at the service on %s. It goes on being tried, less the more it fails.", e.Address)
		}
		// The reason often says it already.
		detail := e.LastError
		if strings.Contains(e.Reason, detail) {
			detail = ""
		}
		p = append(p, Problem{Severity: Warning, What: what + ".", Detail: detail, Since: e.Since, Do: do})
	}
	if n := len(u.Endpoints); n > 0 && len(p) == n {
		do := "Look for what they have in common: a release, a database, the network between."
		what := fmt.Sprintf("No endpoint of upstream %s is well: %d of %d are ejected, failing or unhealthy.", u.Name, n, n)
		if n == 1 {
			what = fmt.Sprintf("The only endpoint of upstream %s is not well.", u.Name)
			do = "See below what it does. Until it is well, its requests fail."
		}
		p = append(p, Problem{
			Severity: Critical,
			What:     what,
			Since:    latest,
			Do:       do,
		})
	}
	return p
}

// well says that an endpoint takes requests as it should.
func well(e proxy.EndpointStatus) bool {
	return e.State != proxy.StateEjected && e.State != proxy.StateUnhealthy && e.State != proxy.StateFailing
}

func configProblems(s *Status) (p []Problem) {
	c := s.Config
	if c.LastError == "" || c.LastErrorAt.Before(c.AppliedAt) {
		return nil
	}
	return []Problem{{
		Severity: Warning,
		What:     fmt.Sprintf("The newest configuration (%s) was refused; the one of %s (%s) stays in force.", c.Source, stamp(c.AppliedAt), short(c.Hash)),
		Detail:   c.LastError,
		Since:    c.LastErrorAt,
		Do:       "Mend the file, with levee check: it is read again when it changes, or by POST /reload.",
	}}
}

func telemetryProblems(s *Status) (p []Problem) {
	for _, t := range s.Telemetry {
		if !t.LastFailure.IsZero() && s.Time.Sub(t.LastFailure) < sinkWarning {
			p = append(p, Problem{
				Severity: Warning,
				What:     fmt.Sprintf("The %s log can't be written: %s lost. No request waits for it.", sinkName(t), count(int64(t.Errors), "line")),
				Detail:   t.LastError,
				Since:    t.FailingSince,
				Do:       "Make room, or see to whoever reads it. It is tried again with each new line.",
			})
		}
		if !t.LastDrop.IsZero() && s.Time.Sub(t.LastDrop) < sinkWarning {
			do := "See to whoever reads standard error: it is too slow, or hangs. Or lower the level: POST /loglevel?level=error."
			if t.Name == "access" {
				do = "See to whoever reads standard output: it is too slow, or hangs. Or log less: POST /accesslog?mode=errors, or mode=none."
			}
			p = append(p, Problem{
				Severity: Warning,
				What:     fmt.Sprintf("The %s log is saturated: %s dropped since the start. No request waits for it.", sinkName(t), count(int64(t.Dropped), "line")),
				Since:    t.DroppingSince,
				Do:       do,
			})
		}
	}
	return p
}

// sinkName is a sink's name before the word log.
func sinkName(t telemetry.SinkStats) string {
	if t.Name == "log" {
		return "proxy's own"
	}
	return t.Name
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
