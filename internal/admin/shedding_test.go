package admin

import (
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestSheddingProblems(t *testing.T) {
	recent := func(e *proxy.EndpointStatus, sheds ...proxy.ShedStatus) { e.Admission.Recent.Sheds = sheds }
	for _, tt := range []struct {
		name     string
		change   func(first, second *proxy.EndpointStatus)
		one      bool // the upstream has one endpoint
		severity Severity
		what     string
		detail   string // a part of it
		do       string // a part of it
	}{
		{
			name:     "an overload of the only endpoint",
			one:      true,
			severity: Critical,
			change:   func(e, _ *proxy.EndpointStatus) { shedAt(e) },
			what: "features: shedding 212 requests/s (38%): the limit is 14, lowered 12s ago from 20 as requests queue inside the service " +
				"(cut: latency is 3.10 times the baseline at 20 inflight); 180/s of them are retries; all of priority default.",
			do: "Most of what is shed are retries",
		},
		{
			name:     "one of two endpoints",
			severity: Critical,
			change:   func(_, e *proxy.EndpointStatus) { shedAt(e) },
			what: "features: shedding 212 requests/s at 1 of 2 endpoints (29%): the limit is 14, lowered 12s ago from 20 as requests queue inside the service " +
				"(cut: latency is 3.10 times the baseline at 20 inflight); 180/s of them are retries; all of priority default.",
			do: "Add capacity",
		},
		{
			name:     "both, and several priorities",
			severity: Critical,
			change: func(a, b *proxy.EndpointStatus) {
				shedAt(a)
				shedAt(b)
				recent(a, proxy.ShedStatus{Priority: "background", Reason: "queue_full", Count: 3000}, proxy.ShedStatus{Priority: "default", Reason: "queue_full", Count: 200})
			},
			what: "features: shedding 532 requests/s at all 2 endpoints (43%): at 10.0.0.7:8080, which sheds the most, the limit is 14, lowered 12s ago from 20 as requests queue inside the service " +
				"(cut: latency is 3.10 times the baseline at 20 inflight); 180/s of them are retries; by priority: 300/s background, 232/s default.",
			detail: "10.0.0.8:8080 sheds 212/s: its limit is 14, lowered",
			do:     "Add capacity",
		},
		{
			name:     "hardly anything",
			one:      true,
			severity: Warning,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Move.At = at("05:29:59").Add(999e6)
				recent(e, proxy.ShedStatus{Priority: "default", Reason: "overload", Count: 3})
			},
			what: "features: shedding 3 requests in 10 s (0.2%): the limit is 20, raised just now from 18 as all of it is used, and the service likely takes more " +
				"(grow: the limit binds, latency is 1.02 times the baseline); all of priority default.",
			do: "Nothing, if it ends soon",
		},
		{
			name:     "only background",
			one:      true,
			severity: Warning,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Move = nil
				recent(e, proxy.ShedStatus{Priority: "background", Reason: "overload", Count: 1800, Retries: 1800})
			},
			what: "features: shedding 180 requests/s (50%): the limit is 20, and has not moved yet; all of them are retries; all of priority background.",
			do:   "end by themselves",
		},
		{
			name:     "a fixed limit",
			one:      true,
			severity: Critical,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Mode, e.Admission.Move = "fixed", nil
				recent(e, proxy.ShedStatus{Priority: "default", Reason: "queue_full", Count: 200})
			},
			what: "features: shedding 20 requests/s (10%): the limit is 20, fixed by the configuration; all of priority default.",
			do:   "concurrency.limit",
		},
		{
			name:     "a service that hangs",
			one:      true,
			severity: Critical,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Move, e.Admission.Recent.Answered = nil, 0
				recent(e, proxy.ShedStatus{Priority: "default", Reason: "overload", Count: 200, Retries: 200})
			},
			what: "features: shedding 20 requests/s (10%): the limit is 20, and has not moved yet; all of them are retries; all of priority default.",
			do:   "seems to hang: it has answered nothing in the last 10s",
		},
		{
			name:     "deadlines",
			one:      true,
			severity: Critical,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Move.From = 20.1
				recent(e, proxy.ShedStatus{Priority: "critical", Reason: "deadline", Count: 200})
			},
			what: "features: shedding 20 requests/s (10%): the limit is 20, kept 20s ago as all of it is used, and the service likely takes more " +
				"(grow: the limit binds, latency is 1.02 times the baseline); all of priority critical.",
			do: "longer than its clients will wait",
		},
		{
			name:     "memory",
			one:      true,
			severity: Critical,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Move.Rule = "new" // of a later version
				recent(e, proxy.ShedStatus{Priority: "critical", Reason: "queue_bytes", Count: 200})
			},
			what: "features: shedding 20 requests/s (10%): the limit is 20, raised 20s ago from 18 (new: the limit binds, latency is 1.02 times the baseline); all of priority critical.",
			do:   "queue.bytes",
		},
		{
			name:     "a greedy client",
			one:      true,
			severity: Critical,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Mode = "fixed"
				recent(e, proxy.ShedStatus{Priority: "default", Reason: "unfair", Count: 200})
			},
			what: "features: shedding 20 requests/s (10%): the limit is 20, fixed by the configuration; all of priority default.",
			do:   "rateLimit.perClient",
		},
		{
			name:     "a queue that stands",
			severity: Warning,
			change: func(e, _ *proxy.EndpointStatus) {
				e.Admission.Queued, e.Admission.Wait, e.Admission.Standing = 1, 0.08, true
			},
			what: "features: the queue at 10.0.0.7:8080 doesn't drain: 1 request waits, the first for 80.0 ms. Nothing is shed yet.",
			do:   "about to be asked",
		},
		{
			name:     "streams",
			severity: Critical,
			change:   func(e, _ *proxy.EndpointStatus) { e.Admission.Streams = 10000 },
			what:     "features: 10.0.0.7:8080 has as many long-lived streams as it may, 10000: new ones are refused.",
			do:       "concurrency.streams",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := wellStatus()
			u := &s.Proxy.Upstreams[0]
			tt.change(&u.Endpoints[0], &u.Endpoints[1])
			if tt.one {
				u.Endpoints = u.Endpoints[:1]
			}
			p := Problems(s)
			if len(p) != 1 {
				t.Fatalf("%d problems: %+v", len(p), p)
			}
			if p[0].Severity != tt.severity || p[0].What != tt.what {
				t.Errorf("%s\ngot  %s\nwant %s", p[0].Severity, p[0].What, tt.what)
			}
			if !strings.Contains(p[0].Detail, tt.detail) || tt.detail == "" && p[0].Detail != "" || !strings.Contains(p[0].Do, tt.do) {
				t.Errorf("detail %q, do %q", p[0].Detail, p[0].Do)
			}
		})
	}
}

// Without a limit, as in mode off, there is nothing to tell.
func TestNoLimits(t *testing.T) {
	s := wellStatus()
	for i := range s.Proxy.Upstreams[0].Endpoints {
		s.Proxy.Upstreams[0].Endpoints[i].Admission = nil
	}
	var b strings.Builder
	if err := WriteText(&b, s); err != nil {
		t.Fatal(err)
	}
	if p := Problems(s); len(p) != 0 || strings.Contains(b.String(), "LIMIT") {
		t.Errorf("%v\n%s", p, b.String())
	}
}

// All but the slowest classes are left out.
func TestManyBaselines(t *testing.T) {
	a := &proxy.AdmissionStatus{}
	for class := range strings.FieldsSeq("a b c d e f g h i j") {
		a.Baselines = append(a.Baselines, proxy.BaselineStatus{Class: class, Baseline: float64(class[0]-'a'+1) / 1000})
	}
	const want = "j 10.0 ms, i 9.0 ms, h 8.0 ms, g 7.0 ms, f 6.0 ms, e 5.0 ms, d 4.0 ms, c 3.0 ms, and 2 more"
	if got := baselineWords(a); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRatesAndShares(t *testing.T) {
	for _, tt := range []struct {
		n    uint64
		over float64
		want string
	}{{0, 10, "0.0/s"}, {1, 0, "1.0/s"}, {99, 10, "9.9/s"}, {100, 10, "10/s"}, {2120, 10, "212/s"}} {
		if got := rate(tt.n, tt.over); got != tt.want {
			t.Errorf("rate(%d, %v) = %q, want %q", tt.n, tt.over, got, tt.want)
		}
	}
	for _, tt := range []struct {
		n, of uint64
		want  string
	}{{0, 0, "0%"}, {1, 10000, "under 0.1%"}, {1, 100, "1.0%"}, {38, 100, "38%"}, {9999, 10000, "over 99%"}, {5, 5, "100%"}} {
		if got := percent(tt.n, tt.of); got != tt.want {
			t.Errorf("percent(%d, %d) = %q, want %q", tt.n, tt.of, got, tt.want)
		}
	}
}

// Of many endpoints only those that shed are told of in words.
func TestManyLimits(t *testing.T) {
	s := wellStatus()
	u := &s.Proxy.Upstreams[0]
	if rows := limits(s.Time, s.Proxy.Upstreams); rows[0].Words == "" || rows[1].Words != "" {
		t.Errorf("of two, the one that has done something is told of: %+v", rows)
	}
	for range wordyRows {
		e := wellStatus().Proxy.Upstreams[0].Endpoints[0]
		u.Endpoints = append(u.Endpoints, e)
	}
	shedAt(&u.Endpoints[5])
	for i, r := range limits(s.Time, s.Proxy.Upstreams) {
		if (r.Words != "") != (i == 5) || (len(r.Refused) > 0) != (i == 5) {
			t.Errorf("%d: %+v", i, r)
		}
	}
}
