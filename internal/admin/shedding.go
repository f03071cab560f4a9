package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// shedLittle is the share of requests below which shedding is a warning: some
// limit has just found its place.
const shedLittle = 0.01

// sheddingProblems says what an upstream's limits refuse right now, and why
// they are where they are.
func sheddingProblems(now time.Time, u proxy.UpstreamStatus) (p []Problem) {
	var (
		all      shedding
		admitted uint64
		over     float64
		since    time.Time
		worst    *proxy.EndpointStatus
		at       int
		lines    []string
	)
	for i := range u.Endpoints {
		e := &u.Endpoints[i]
		a := e.Admission
		if a == nil {
			continue
		}
		admitted += a.Recent.Admitted
		over = max(over, a.Recent.Over)
		p = append(p, queueProblems(u.Name, e)...)
		s := shedOf(a.Recent.Sheds)
		if s.count == 0 {
			continue
		}
		at++
		all.add(a.Recent.Sheds)
		if since.IsZero() || a.Recent.SheddingSince.Before(since) {
			since = a.Recent.SheddingSince
		}
		if worst == nil || s.count > shedOf(worst.Admission.Recent.Sheds).count {
			worst = e
		}
		lines = append(lines, fmt.Sprintf("%s sheds %s: its limit is %s", e.Address, rate(s.count, a.Recent.Over), limitWords(now, a)))
	}
	if all.count == 0 {
		return p
	}
	where := ""
	switch n := len(u.Endpoints); {
	case n > 1 && at == n:
		where = fmt.Sprintf(" at all %d endpoints", n)
	case n > 1:
		where = fmt.Sprintf(" at %d of %d endpoints", at, n)
	}
	what := fmt.Sprintf("%s: shedding %s%s (%s): ", u.Name, requestRate(all.count, over), where, percent(all.count, all.count+admitted))
	detail := ""
	if at == 1 {
		what += "the limit is " + limitWords(now, worst.Admission)
	} else {
		what += fmt.Sprintf("at %s, which sheds the most, the limit is %s", worst.Address, limitWords(now, worst.Admission))
		detail = strings.Join(lines, "\n")
	}
	switch {
	case all.retries == all.count:
		what += "; all of them are retries"
	case all.retries > 0:
		what += fmt.Sprintf("; %s of them are retries", rate(all.retries, over))
	}
	what += "; " + all.priorities(over) + "."
	severity, do := Critical, remedy(now, &all, worst.Admission)
	switch {
	case float64(all.count) < shedLittle*float64(all.count+admitted):
		severity, do = Warning, "Nothing, if it ends soon: a limit that has to find its place sheds a little. "+do
	case all.by["background"] == all.count:
		severity = Warning
	}
	return append(p, Problem{Severity: severity, What: what, Detail: detail, Since: since, Do: do})
}

// hangs is for how long a service must have answered nothing, while requests
// were refused for want of room, for it to be said. The limit alone doesn't tell.
const hangs = 5 * time.Second

// remedy is what to do about shedding. Levee does what it can already.
func remedy(now time.Time, s *shedding, a *proxy.AdmissionStatus) string {
	if r := a.Recent; r.Answered == 0 && a.Inflight+a.Abandoned > 0 && now.Sub(r.SheddingSince) >= hangs {
		return fmt.Sprintf("The service seems to hang: it has answered nothing in the last %s. Look for what it waits for: a lock, a database, a process that was stopped.",
			span(time.Duration(r.Over*float64(time.Second))))
	}
	switch most(s.why) {
	case "deadline":
		return "The service takes longer than its clients will wait: look for what makes it slow, or give them, or the route's timeout, more time."
	case "queue_bytes":
		return "What waits holds as much memory as it may: look for large headers, or raise concurrency.queue.bytes."
	case "retry_budget":
		return "Clients retry more than the service can take, and only their retries are shed: this ends by itself once they heed what they are told. Look for those that don't in the access log (attempt)."
	case "unfair":
		return "A few clients ask for most of it, and only their requests are shed: find them in the access log, and talk to them or cap them (rateLimit.perClient)."
	}
	if a.Mode == fixedMode {
		return "More is asked than the fixed limit allows. If the service can take more, raise concurrency.limit, or let Levee find it (mode: adaptive). Otherwise add capacity."
	}
	do := "The service is asked for more than it can do; Levee keeps it answering as much as it can. Add capacity, or look for what has made it slower: a release, a database, a neighbour."
	if 2*s.retries > s.count {
		do += " Most of what is shed are retries: they end by themselves once the service keeps up."
	}
	return do
}

// queueProblems tells of queues that stand though nothing is shed yet, and of
// streams at their cap.
func queueProblems(upstream string, e *proxy.EndpointStatus) (p []Problem) {
	a := e.Admission
	if a.Standing && a.Queued > 0 && len(a.Recent.Sheds) == 0 {
		p = append(p, Problem{
			Severity: Warning,
			What: fmt.Sprintf("%s: the queue at %s doesn't drain: %s, the first for %s. Nothing is shed yet.",
				upstream, e.Address, count2(uint64(a.Queued), "request waits", "requests wait"), latency(a.Wait)),
			Do: "Look at the service: it is about to be asked for more than it can do.",
		})
	}
	if a.MaxStreams > 0 && a.Streams >= a.MaxStreams {
		p = append(p, Problem{
			Severity: Critical,
			What:     fmt.Sprintf("%s: %s has as many long-lived streams as it may, %d: new ones are refused.", upstream, e.Address, a.MaxStreams),
			Do:       "If the service can hold more, raise concurrency.streams. Otherwise look who opens so many, in the access log.",
		})
	}
	return p
}

// stateProblems tells of a state file that can't be written.
func stateProblems(s *Status) []Problem {
	f := s.Proxy.State
	if f == nil || f.LastError == "" {
		return nil
	}
	return []Problem{{
		Severity: Warning,
		What:     fmt.Sprintf("The state file %s can't be written: after a restart, limits are learned anew.", f.File),
		Detail:   f.LastError,
		Since:    f.FailingSince,
		Do:       "Let Levee's user write into its folder, make room, or name another file (state.file). It is tried again by itself.",
	}}
}
