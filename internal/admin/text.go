package admin

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// WriteText writes a status for a terminal, what is wrong first. Nothing in it
// can make the terminal do anything. The error is the writer's.
func WriteText(w io.Writer, s *Status) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "levee %s: %s\n", s.Version, s.Summary)
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "\n%s: %s\n", strings.ToUpper(string(p.Severity)), printable(p.What, false))
		if p.Detail != "" {
			for l := range strings.Lines(printable(p.Detail, true)) {
				fmt.Fprintf(&b, "  | %s\n", strings.TrimSuffix(l, "\n"))
			}
		}
		if !p.Since.IsZero() {
			fmt.Fprintf(&b, "  for %s\n", since(s.Time, p.Since))
		}
		fmt.Fprintf(&b, "  > %s\n", printable(p.Do, false))
	}

	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range facts(s) {
		fmt.Fprintf(t, "%s\t%s\n", f.Name, printable(f.Value, false))
	}
	t.Flush()

	b.WriteString("\n")
	fmt.Fprintln(t, "LISTENER\tCONNECTIONS\tMOST\tACCEPTED\tDELAYED\tTLS")
	for _, l := range s.Proxy.Listeners {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\n", printable(l.Address, false), l.Connections, l.MaxConnections, l.Accepted, l.Delayed, yes(l.TLS))
	}
	t.Flush()

	b.WriteString("\n")
	writeUpstreams(&b, s.Time, s.Proxy.Upstreams)

	writeStorms(&b, storms(s.Time, s.Proxy.Upstreams))
	writeRetries(&b, retries(s.Proxy.Upstreams))

	b.WriteString("\n")
	fmt.Fprintln(t, "LOG\tWRITTEN\tDROPPED\tERRORS\tQUEUED")
	for _, k := range s.Telemetry {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d of %d\n", k.Name, k.Written, k.Dropped, k.Errors, k.Queued, k.Capacity)
	}
	t.Flush()

	_, err := w.Write(b.Bytes())
	return err
}

// writeUpstreams writes a line for each endpoint, and then what its limit does.
func writeUpstreams(b *bytes.Buffer, now time.Time, upstreams []proxy.UpstreamStatus) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "UPSTREAM\tENDPOINT\tSTATE\tINFLIGHT\tCONNECTIONS\tLATENCY\tATTEMPTS\tFAILURES")
	for _, u := range upstreams {
		if len(u.Endpoints) == 0 {
			fmt.Fprintf(t, "%s\t-\tno address\t\t\t\t\t\n", printable(u.Name, false))
		}
		for _, e := range u.Endpoints {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\n", printable(u.Name, false), printable(e.Address, false), e.State,
				e.Inflight, e.Connections, latency(e.Latency), e.Attempts, e.Failures)
		}
	}
	t.Flush()
	rows := limits(now, upstreams)
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	fmt.Fprintln(t, "UPSTREAM\tENDPOINT\tLIMIT\tINFLIGHT\tQUEUED\tWAITING\tSTREAMS\tADMITTED\tSHED\tSHED NOW")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%d\t%s\n", printable(r.Upstream, false), printable(r.Address, false),
			r.LimitText(), r.Inflight, r.Queued, r.Waiting(), r.Streams, r.Admitted, r.Shed(), r.Now())
	}
	t.Flush()
	for _, r := range rows {
		if r.Words == "" {
			continue
		}
		fmt.Fprintf(b, "\n%s %s: %s\n", printable(r.Upstream, false), printable(r.Address, false), printable(r.Words, false))
		if r.Usual != "" {
			fmt.Fprintf(b, "  without queueing: %s\n", printable(r.Usual, false))
		}
		for _, line := range r.Refused {
			fmt.Fprintf(b, "  shed: %s\n", printable(line, false))
		}
	}
}

// writeStorms writes a line for each upstream whose clients try again.
func writeStorms(b *bytes.Buffer, rows []stormRow) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "UPSTREAM\tCLIENTS\tRETRIES NOW\tEACH TRIED\tBUDGET\tRETRIES\tSHED\tTOLD TO STOP\tTO RETURN\tKEPT")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", printable(r.Upstream, false), printable(r.State, false),
			r.Lately(), r.Times(), r.Left(), r.Seen(), r.Shed(), r.Stopped(), r.Returned(), r.Kept)
	}
	t.Flush()
	for _, r := range rows {
		if r.Words != "" {
			fmt.Fprintf(b, "\n%s: %s\n", printable(r.Upstream, false), printable(r.Words, false))
		}
	}
}

// fact is one line of what a status tells in general.
type fact struct{ Name, Value string }

// facts are told alike on the page and in text.
func facts(s *Status) []fact {
	life := "ready"
	switch {
	case s.Proxy.Draining:
		life = "draining"
	case !s.Ready:
		life = "not ready"
	}
	f := []fact{{"State", life}}
	if !s.Proxy.Started.IsZero() {
		f = append(f, fact{"Up", since(s.Time, s.Proxy.Started)})
	}
	f = append(
		f,
		fact{"Inflight", count(s.Proxy.Inflight, "request")},
		fact{"Configuration", fmt.Sprintf("%s from %s", short(s.Config.Hash), s.Config.Source)},
		fact{"In force", since(s.Time, s.Config.AppliedAt)},
		fact{"Reloads", fmt.Sprintf("%d taken, %d refused", s.Config.Reloads, s.Config.Refused)},
	)
	if state := s.Proxy.State; state != nil {
		f = append(f, fact{"State file", stateWords(s.Time, state)})
	}
	if keyed := s.Proxy.Idempotency; keyed != nil {
		f = append(f, fact{"Idempotency", idempotencyWords(s.Time, keyed)})
	}
	if cached := s.Proxy.Cache; cached != nil {
		f = append(f, fact{"Cache", cacheWords(s.Time, cached)})
		if file := cached.Snapshot; file != nil {
			f = append(f, fact{"Cache file", snapshotWords(s.Time, file)})
		}
	}
	if s.LogLevel != "" {
		f = append(f, fact{"Log level", s.LogLevel})
	}
	if s.AccessLog != "" {
		f = append(f, fact{"Access log", s.AccessLog})
	}
	return f
}

// stateWords tells of the state file.
func stateWords(now time.Time, f *proxy.StateStatus) string {
	words := f.File + ", not written yet"
	if !f.Written.IsZero() {
		words = fmt.Sprintf("%s, written %s ago", f.File, span(now.Sub(f.Written)))
	}
	switch {
	case f.Ignored != "":
		words += "; ignored at the start: " + f.Ignored
	case f.Restored > 0:
		words += "; at the start it had " + count(int64(f.Restored), "endpoint")
	}
	return words
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
