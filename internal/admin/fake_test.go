package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy"
)

// fakeProxy shows what it is told to.
type fakeProxy struct {
	status          proxy.Status
	ready, draining bool
}

func (p *fakeProxy) Status() proxy.Status { return p.status }
func (p *fakeProxy) Ready() bool          { return p.ready }
func (p *fakeProxy) Draining() bool       { return p.draining }

// fakeConfig takes or refuses a reload as it is told.
type fakeConfig struct {
	info    ConfigInfo
	refuse  error
	reloads int
}

func (c *fakeConfig) Reload() error {
	c.reloads++
	return c.refuse
}
func (c *fakeConfig) Info() ConfigInfo { return c.info }
func (c *fakeConfig) Redacted() ([]byte, error) {
	if c.info.Hash == "" {
		return nil, errors.New("no configuration")
	}
	return []byte("apiVersion: levee/v1\n"), nil
}

// at is a moment of the morning of 26 February 2026.
func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-02-26 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// wellStatus is a status without problems, at 05:30.
func wellStatus() *Status {
	s := &Status{
		Version: "1.2.3",
		Time:    at("05:30:00"),
		Ready:   true,
		Config:  ConfigInfo{Hash: "0123456789abcdef", AppliedAt: at("05:00:00"), Source: "/etc/levee/levee.yaml", Reloads: 1},
		Telemetry: []telemetry.SinkStats{
			{Name: "access", Written: 1000, Capacity: 4096},
			{Name: "log", Written: 10, Capacity: 512},
		},
		LogLevel:  "info",
		AccessLog: "all",
		Proxy: proxy.Status{
			Started:  at("03:00:00"),
			Inflight: 12,
			Listeners: []proxy.ListenerStatus{{
				Address: "[::]:4480", TLS: true, Connections: 7, MaxConnections: 1000, Accepted: 4242, Delayed: 3,
				Certificates: []proxy.CertificateStatus{{File: "/tls/tls.crt", Names: []string{"api.example.com"}, NotAfter: at("05:30:00").AddDate(0, 2, 0)}},
			}},
			Upstreams: []proxy.UpstreamStatus{{
				Name: "features",
				Endpoints: []proxy.EndpointStatus{
					{URL: "http://features:8080", Address: "10.0.0.7:8080", State: proxy.StateReady, Since: at("03:00:00"), Inflight: 7, Latency: 0.0123, Connections: 8, Attempts: 90000, Failures: 2},
					{URL: "http://features:8080", Address: "10.0.0.8:8080", State: proxy.StateRamping, Since: at("05:29:00"), Inflight: 5, Latency: 0.000123, Connections: 6, Attempts: 80000, Failures: 1},
				},
			}},
			State: &proxy.StateStatus{File: "/var/lib/levee/state", Restored: 2, Written: at("05:29:55")},
		},
	}
	endpoints := s.Proxy.Upstreams[0].Endpoints
	endpoints[0].Admission = &proxy.AdmissionStatus{
		Mode: "adaptive", Limit: 20.4, Inflight: 7, MaxStreams: 10000, Streams: 1, Admitted: 90000, Cancelled: 2,
		Baselines: []proxy.BaselineStatus{{Class: "/v1", Baseline: 0.012}, {Class: "other", Baseline: 0.04}},
		Move:      &proxy.MoveStatus{Rule: "grow", From: 18.5, Why: "the limit binds, latency is 1.02 times the baseline", At: at("05:29:40")},
		Recent:    proxy.RecentStatus{Over: 10, Admitted: 1800, Answered: 1799},
	}
	endpoints[1].Admission = &proxy.AdmissionStatus{
		Mode: "adaptive", Limit: 16, Inflight: 5, MaxStreams: 10000, Admitted: 80000, Recent: proxy.RecentStatus{Over: 10, Admitted: 1660, Answered: 1659},
	}
	return s
}

// shedAt has an endpoint refuse 212 requests a second, which are 38%.
func shedAt(e *proxy.EndpointStatus) {
	a := e.Admission
	a.Limit, a.Inflight, a.Queued, a.Wait, a.Standing = 14.2, 14, 9, 0.043, true
	a.Move = &proxy.MoveStatus{Rule: "cut", From: 20, Why: "latency is 3.10 times the baseline at 20 inflight", At: at("05:29:48")}
	a.Sheds = []proxy.ShedStatus{{Priority: "default", Reason: "queue_full", Count: 40}, {Priority: "default", Reason: "overload", Count: 9000, Retries: 7600}}
	a.Recent = proxy.RecentStatus{
		Over: 10, Admitted: 3459, Answered: 3450, SheddingSince: at("05:29:20"),
		Sheds: []proxy.ShedStatus{{Priority: "default", Reason: "overload", Count: 2120, Retries: 1800}},
	}
}

// retriesAt has Levee run out of budget for retries.
func retriesAt(u *proxy.UpstreamStatus) {
	u.Retries = &proxy.RetryStatus{
		Attempts: 2, Percent: 10, MinPerSecond: 0.5, Left: 0.3,
		Sent:    []proxy.RetryCount{{On: "503", Succeeded: 800, Failed: 190}, {On: "connect-failure", Succeeded: 10}},
		GivenUp: map[string]uint64{"budget": 210, "method": 31}, Hedges: map[string]uint64{"won": 5, "lost": 2, "limit": 1},
		Recent: proxy.RecentRetries{Over: 10, Sent: 41, Succeeded: 12, GivenUp: map[string]uint64{"budget": 190}},
	}
}

// stormAt has the clients of an upstream ask 2.6 times for everything.
func stormAt(u *proxy.UpstreamStatus) {
	u.Storm = &proxy.StormStatus{
		Mode: "bound", State: "storm", Since: at("05:29:21"), Why: "31% of 412 requests in the last second were retries, 120 were shed and 3 failed",
		Recent:  proxy.StormTraffic{Attempts: 5559, Retries: 3421, RetryRatio: 0.615, Amplification: 2.6, Useful: 3300, Shed: 2120},
		Clients: []proxy.StormClient{{Attempts: 900, Retries: 800, Share: 0.4}, {Attempts: 500, Retries: 400, Share: 0.2}, {Attempts: 9, Retries: 2, Share: 0.01}},
		Budget:  proxy.StormBudget{Bound: true, Percent: 10, Left: 7, Most: 66, PerSecond: 33},
		Told:    map[string]uint64{"plain": 0, "stop": 8000, "return": 1040}, Kept: 212, Promised: 41,
		Retries: []proxy.StormRetries{{How: "explicit", Seen: 6000, Shed: 400}, {How: "inferred", Seen: 1600, Shed: 100}},
	}
}

// sickStatus is one with about everything that can go wrong.
func sickStatus() *Status {
	s := wellStatus()
	s.Proxy.Panics = 2
	s.Proxy.Listeners[0].AtCap = true
	s.Proxy.Listeners[0].Connections = 1000
	s.Proxy.Listeners[0].Certificates[0].NotAfter = s.Time.Add(75 * time.Hour)
	e := &s.Proxy.Upstreams[0].Endpoints[0]
	e.State, e.Since, e.Reason = proxy.StateEjected, at("05:26:40"), "5 failures in a row: connect: connection refused"
	e.LastError = "connect: connection refused"
	shedAt(&s.Proxy.Upstreams[0].Endpoints[1])
	stormAt(&s.Proxy.Upstreams[0])
	retriesAt(&s.Proxy.Upstreams[0])
	s.Proxy.State = &proxy.StateStatus{
		File: "/var/lib/levee/state", Ignored: "its checksum is wrong: it is torn, or was edited", Errors: 12,
		FailingSince: at("05:28:00"), LastError: "open /var/lib/levee/state.tmp: read-only file system",
	}
	s.Config.LastError = "levee.yaml:12:5: unknown key \"upstrem\", did you mean \"upstream\"?\n   12 |     upstrem: features\n      |     ^"
	s.Config.LastErrorAt, s.Config.Refused = at("05:20:00"), 1
	s.Telemetry[0].Dropped, s.Telemetry[0].DroppingSince, s.Telemetry[0].LastDrop = 123456, at("05:29:00"), at("05:29:59")
	s.Problems = Problems(s)
	s.Summary = summary(s.Problems)
	return s
}

func newOptions(testing.TB) (Options, *fakeProxy, *fakeConfig) {
	s := wellStatus()
	p := &fakeProxy{status: s.Proxy, ready: true}
	c := &fakeConfig{info: s.Config}
	now := time.Now()
	p.status.Listeners[0].Certificates[0].NotAfter = now.AddDate(1, 0, 0)
	return Options{Version: "1.2.3", Proxy: p, Config: c}, p, c
}
