package proxy

import "time"

// Status is a snapshot of a running proxy for people and for the admin API.
type Status struct {
	// Started is when the proxy began to serve.
	Started time.Time `json:"started"`
	// Draining says that a stop has begun.
	Draining bool `json:"draining"`
	// Inflight counts requests being served now.
	Inflight int64 `json:"inflight"`
	// ConnectionsRefused counts connections to upstreams that were not opened
	// for want of file descriptors.
	ConnectionsRefused uint64 `json:"connectionsRefused"`
	// LastRefused is when that happened last; zero if never.
	LastRefused time.Time `json:"lastRefused,omitzero"`
	// Panics counts requests that ended in a panic since the start.
	Panics uint64 `json:"panics"`
	// State tells of the state file; nil where there is none.
	State *StateStatus `json:"state,omitempty"`
	// Idempotency tells of keyed requests; nil where no route is guarded.
	Idempotency *IdempotencyStatus `json:"idempotency,omitempty"`

	// Cache tells of cached answers; nil where no route has a cache or a fallback.
	Cache *CacheStatus `json:"cache,omitempty"`

	Listeners []ListenerStatus `json:"listeners"`
	Upstreams []UpstreamStatus `json:"upstreams"`
}

// ListenerStatus is a snapshot of one listener.
type ListenerStatus struct {
	// Address is the one bound, with the port the kernel chose where :0 was asked for.
	Address        string `json:"address"`
	TLS            bool   `json:"tls"`
	Connections    int64  `json:"connections"`
	MaxConnections int64  `json:"maxConnections"`
	// AtCap says that the listener waits for a connection to end before it accepts another.
	AtCap bool `json:"atCap"`
	// Accepted counts connections since the start.
	Accepted uint64 `json:"accepted"`
	// Delayed counts connections that had to wait for the connection rate.
	Delayed uint64 `json:"delayed"`
	// Certificates in use; empty without TLS.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
}

// CertificateStatus is a snapshot of one certificate in use.
type CertificateStatus struct {
	File     string    `json:"file"`
	Names    []string  `json:"names"`
	NotAfter time.Time `json:"notAfter"`
	// Error is why the newest version of the files could not be taken; empty if it was.
	Error string `json:"error,omitempty"`
}

// UpstreamStatus is a snapshot of one upstream.
type UpstreamStatus struct {
	Name      string           `json:"name"`
	Endpoints []EndpointStatus `json:"endpoints"`
	// ResolveError is why the last resolving of a name failed; empty if it didn't.
	ResolveError string `json:"resolveError,omitempty"`
	// Storm tells of the retries that clients make; nil where nobody looks.
	Storm *StormStatus `json:"storm,omitempty"`
	// Retries tells of the attempts that Levee makes beyond the first; nil where
	// it makes none.
	Retries *RetryStatus `json:"retries,omitempty"`
	// Refreshes tells of cached answers that were fetched anew behind requests
	// that they had answered; nil where none was due.
	Refreshes *RefreshStatus `json:"refreshes,omitempty"`
}

// The states of an endpoint.
const (
	StateReady     = "ready"     // takes its full share
	StateRamping   = "ramping"   // new or returning: takes a growing share
	StateEjected   = "ejected"   // out of use after failures in a row
	StateUnhealthy = "unhealthy" // fails its active health checks
	StateFailing   = "failing"   // fails again and again, but isn't ejected: too many would be out, or it answers, by refusals and errors
)

// EndpointStatus is a snapshot of one address of an upstream.
type EndpointStatus struct {
	// URL is the configured endpoint that the address belongs to.
	URL string `json:"url"`
	// Address is the address in use: ip:port, or a socket's path.
	Address string `json:"address"`
	// State is one of the State constants.
	State string `json:"state"`
	// Reason says in words why the endpoint is in that state.
	Reason string `json:"reason,omitempty"`
	// Since is when the state began.
	Since time.Time `json:"since"`
	// Inflight counts attempts under way now.
	Inflight int64 `json:"inflight"`
	// Latency is the peak-sensitive moving average until response headers, in seconds.
	Latency float64 `json:"latencySeconds"`
	// Connections counts open connections, idle ones included.
	Connections int64 `json:"connections"`
	// Attempts and Failures count since the endpoint was first seen.
	Attempts uint64 `json:"attempts"`
	Failures uint64 `json:"failures"`
	// FailuresInARow counts those since the last answer that was complete.
	FailuresInARow int64 `json:"failuresInARow"`
	// LastError is the latest failure in words.
	LastError string `json:"lastError,omitempty"`
	// Admission tells of the endpoint's limit; nil where there is none.
	Admission *AdmissionStatus `json:"admission,omitempty"`
}
