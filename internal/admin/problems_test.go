package admin

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

func TestNoProblems(t *testing.T) {
	s := wellStatus()
	if p := Problems(s); len(p) != 0 {
		t.Errorf("Problems = %+v, want none", p)
	}
	if got := summary(nil); got != "All is well." {
		t.Errorf("summary = %q", got)
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(s *Status)
		severity Severity
		what     string
		since    string // clock; empty: not known
		detail   string // a part of it
		do       string // a part of it
	}{
		{
			name:     "draining",
			change:   func(s *Status) { s.Proxy.Draining, s.Ready, s.Proxy.Inflight = true, false, 1 },
			severity: Notice,
			what:     "Levee is draining: it finishes 1 request and then stops.",
			do:       "Nothing",
		},
		{
			name:     "not ready",
			change:   func(s *Status) { s.Ready = false },
			severity: Critical,
			what:     "Levee is not listening yet: no client is served.",
			do:       "log",
		},
		{
			name: "no descriptors",
			change: func(s *Status) {
				s.Proxy.ConnectionsRefused, s.Proxy.LastRefused = 3, s.Time.Add(-time.Second)
			},
			severity: Critical,
			what:     "File descriptors are short: 3 connections to upstreams could not be opened since the start, the last at 2026-02-26 05:29:59 UTC.",
			do:       "ulimit",
		},
		{
			name:     "panics",
			change:   func(s *Status) { s.Proxy.Panics = 2 },
			severity: Warning,
			what:     "2 requests ended in a panic since the start, 2026-02-26 03:00:00 UTC, each answered 500.",
			do:       "report the stack",
		},
		{
			name:     "listener at its cap",
			change:   func(s *Status) { s.Proxy.Listeners[0].AtCap = true },
			severity: Critical,
			what:     "Listener [::]:4480 is at its cap of 1000 connections: new clients wait.",
			do:       "maxConnections",
		},
		{
			name: "certificate expired",
			change: func(s *Status) {
				s.Proxy.Listeners[0].Certificates[0].NotAfter = at("05:00:00")
			},
			severity: Critical,
			what:     "The certificate /tls/tls.crt (api.example.com) of listener [::]:4480 has expired: clients refuse it.",
			since:    "05:00:00",
			do:       "new certificate",
		},
		{
			name: "certificate expires soon",
			change: func(s *Status) {
				s.Proxy.Listeners[0].Certificates[0].NotAfter = s.Time.Add(13*24*time.Hour + 5*time.Hour)
			},
			severity: Warning,
			what:     "The certificate /tls/tls.crt (api.example.com) of listener [::]:4480 expires in 13d 5h, 2026-03-11 10:30:00 UTC.",
			do:       "new certificate",
		},
		{
			name:     "certificate can't be read again",
			change:   func(s *Status) { s.Proxy.Listeners[0].Certificates[0].Error = "private key does not match" },
			severity: Warning,
			what:     "The newest version of the certificate /tls/tls.crt of listener [::]:4480 could not be read; the one before it stays in use.",
			detail:   "private key does not match",
			do:       "belong together",
		},
		{
			name:     "name doesn't resolve",
			change:   func(s *Status) { s.Proxy.Upstreams[0].ResolveError = "lookup features: no such host" },
			severity: Warning,
			what:     "A name of upstream features doesn't resolve; the last good addresses stay in use.",
			detail:   "no such host",
			do:       "DNS",
		},
		{
			name: "name never resolved",
			change: func(s *Status) {
				s.Proxy.Upstreams[0].ResolveError = "lookup features: no such host"
				s.Proxy.Upstreams[0].Endpoints = nil
			},
			severity: Critical,
			what:     "Upstream features has no address, as its name doesn't resolve: its requests fail.",
			detail:   "no such host",
			do:       "DNS",
		},
		{
			name: "endpoint ejected",
			change: func(s *Status) {
				e := &s.Proxy.Upstreams[0].Endpoints[1]
				e.State, e.Since, e.Reason = proxy.StateEjected, at("05:20:00"), "5 failures in a row: timeout."
				e.LastError = "timeout"
			},
			severity: Warning,
			what:     "Endpoint 10.0.0.8:8080 of upstream features is ejected: 5 failures in a row: timeout.",
			since:    "05:20:00",
			do:       "10.0.0.8:8080",
		},
		{
			name: "endpoint unhealthy",
			change: func(s *Status) {
				e := &s.Proxy.Upstreams[0].Endpoints[1]
				e.State, e.Since, e.LastError = proxy.StateUnhealthy, at("05:20:00"), "GET /healthz: 500"
			},
			severity: Warning,
			what:     "Endpoint 10.0.0.8:8080 of upstream features is unhealthy.",
			detail:   "GET /healthz: 500",
			since:    "05:20:00",
			do:       "health checks",
		},
		{
			name: "configuration refused",
			change: func(s *Status) {
				s.Config.LastError, s.Config.LastErrorAt = "levee.yaml:3:1: unknown key", at("05:10:00")
			},
			severity: Warning,
			what:     "The newest configuration (/etc/levee/levee.yaml) was refused; the one of 2026-02-26 05:00:00 UTC (0123456789ab) stays in force.",
			detail:   "levee.yaml:3:1: unknown key",
			since:    "05:10:00",
			do:       "levee check",
		},
		{
			name: "access log drops",
			change: func(s *Status) {
				k := &s.Telemetry[0]
				k.Dropped, k.DroppingSince, k.LastDrop = 1, at("05:29:00"), at("05:29:30")
			},
			severity: Warning,
			what:     "The access log is saturated: 1 line dropped since the start. No request waits for it.",
			since:    "05:29:00",
			do:       "/accesslog?mode=",
		},
		{
			name: "log drops",
			change: func(s *Status) {
				k := &s.Telemetry[1]
				k.Dropped, k.DroppingSince, k.LastDrop = 7, at("05:29:00"), at("05:29:30")
			},
			severity: Warning,
			what:     "The proxy's own log is saturated: 7 lines dropped since the start. No request waits for it.",
			since:    "05:29:00",
			do:       "/loglevel?level=",
		},
		{
			name: "disk full",
			change: func(s *Status) {
				k := &s.Telemetry[0]
				k.Errors, k.FailingSince, k.LastFailure, k.LastError = 3, at("05:29:00"), at("05:29:59"), "no space left on device"
			},
			severity: Warning,
			what:     "The access log can't be written: 3 lines lost. No request waits for it.",
			detail:   "no space left on device",
			since:    "05:29:00",
			do:       "Make room",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := wellStatus()
			tt.change(s)
			all := Problems(s)
			if len(all) != 1 {
				t.Fatalf("%d problems, want 1: %+v", len(all), all)
			}
			p := all[0]
			if p.Severity != tt.severity || p.What != tt.what {
				t.Errorf("got  %s: %s\nwant %s: %s", p.Severity, p.What, tt.severity, tt.what)
			}
			if !strings.Contains(p.Detail, tt.detail) || (tt.detail == "") != (p.Detail == "") {
				t.Errorf("detail %q, want %q", p.Detail, tt.detail)
			}
			var want time.Time
			if tt.since != "" {
				want = at(tt.since)
			}
			if !p.Since.Equal(want) {
				t.Errorf("since %v, want %v", p.Since, want)
			}
			if !strings.Contains(p.Do, tt.do) {
				t.Errorf("do %q, want %q in it", p.Do, tt.do)
			}
		})
	}
}

// What is over is no problem any more.
func TestProblemsOfThePast(t *testing.T) {
	s := wellStatus()
	s.Config.LastError, s.Config.LastErrorAt = "a mistake", at("04:00:00") // before the one in force
	k := &s.Telemetry[0]
	k.Dropped, k.DroppingSince, k.LastDrop = 1000, at("05:00:00"), at("05:01:00")
	k.Errors, k.FailingSince, k.LastFailure, k.LastError = 3, at("05:00:00"), at("05:01:00"), "no space left on device"
	if p := Problems(s); len(p) != 0 {
		t.Errorf("Problems = %+v, want none", p)
	}
}

// When no endpoint is well, that is said first, and then each by itself.
func TestProblemsOfAWholeUpstream(t *testing.T) {
	s := wellStatus()
	for i := range s.Proxy.Upstreams[0].Endpoints {
		e := &s.Proxy.Upstreams[0].Endpoints[i]
		e.State, e.Since = proxy.StateUnhealthy, at("05:20:00").Add(time.Duration(i)*time.Minute)
	}
	p := Problems(s)
	if len(p) != 3 || p[0].Severity != Critical || !p[0].Since.Equal(at("05:21:00")) ||
		p[0].What != "No endpoint of upstream features is well: 2 of 2 are ejected, failing or unhealthy." {
		t.Errorf("Problems = %+v", p)
	}

	s.Proxy.Upstreams[0].Endpoints = s.Proxy.Upstreams[0].Endpoints[:1]
	if p := Problems(s); len(p) != 2 || p[0].What != "The only endpoint of upstream features is not well." {
		t.Errorf("Problems = %+v", p)
	}
}

func TestSummary(t *testing.T) {
	warning, notice := Problem{Severity: Warning}, Problem{Severity: Notice}
	for _, tt := range []struct {
		problems   []Problem
		want, tone string
	}{
		{nil, "All is well.", "good"},
		{[]Problem{warning}, "1 problem.", "bad"},
		{[]Problem{warning, warning, notice}, "2 problems.", "bad"},
		{[]Problem{notice}, "Nothing is wrong; 1 notice.", "calm"},
	} {
		if got := summary(tt.problems); got != tt.want || tone(tt.problems) != tt.tone {
			t.Errorf("summary = %q, %s; want %q, %s", got, tone(tt.problems), tt.want, tt.tone)
		}
	}
}

// The worst first, then the oldest, and last what has no known beginning.
func TestProblemsAreSorted(t *testing.T) {
	s := sickStatus()
	s.Proxy.Draining = true
	var got []string
	for _, p := range Problems(s) {
		got = append(got, string(p.Severity)+" "+strings.Join(strings.Fields(p.What)[:2], " "))
	}
	want := []string{
		"critical features: shedding",
		"critical features: a",
		"critical Listener [::]:4480",
		"warning The newest",
		"warning Endpoint 10.0.0.7:8080",
		"warning The state",
		"warning The access",
		"warning 2 requests",
		"warning The certificate",
		"warning features: so",
		"notice Levee is",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
