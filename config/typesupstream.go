package config

// Upstream is one service behind Levee, at one or more endpoints.
type Upstream struct {
	// The upstream's name: lower-case letters, digits and dashes.
	Name string `yaml:"name" required:"true" format:"name"`

	// http://host:port, https://host:port, h2c://host:port (HTTP/2 without TLS), unix:/path (HTTP/1.1) or unix+h2c:/path. A DNS name stands for all its IPv4 addresses or, if it has none, all its IPv6 ones.
	Endpoints []string `yaml:"endpoints" required:"true" format:"endpoint"`

	// The Host sent to the upstream: preserve (the client's), endpoint (the endpoint's own), or a literal host.
	Host string `yaml:"host" default:"preserve" format:"hostmode"`

	// TLS towards https endpoints.
	TLS UpstreamTLS `yaml:"tls"`

	// Deadlines towards the upstream.
	Timeouts UpstreamTimeouts `yaml:"timeouts"`

	// How often DNS names are resolved again. The last good addresses are kept while resolving fails.
	ResolveInterval Duration `yaml:"resolveInterval" default:"5s" min:"100ms" max:"24h"`

	// The most connections to one endpoint; requests beyond it wait. 0: unlimited.
	MaxConnections int `yaml:"maxConnections" default:"0" min:"0" max:"1000000"`

	// Active health checks. Default: none.
	HealthCheck *HealthCheck `yaml:"healthCheck"`

	// Passive ejection of endpoints that fail.
	Ejection Ejection `yaml:"ejection"`

	// How many requests may be inflight at each endpoint, and how further ones wait.
	Concurrency Concurrency `yaml:"concurrency"`

	// What Levee sends once more by itself, and how much of that there may be.
	Retry Retry `yaml:"retry"`

	// What is done about the retries that clients make.
	Storm Storm `yaml:"storm"`
}

// UpstreamTLS is how Levee speaks TLS to an upstream.
type UpstreamTLS struct {
	// PEM file of the authorities trusted for this upstream. Default: the system's.
	CAFile string `yaml:"caFile" format:"path"`

	// The name expected in the certificate. Default: the endpoint's host.
	ServerName string `yaml:"serverName" format:"hostname"`

	// PEM file of Levee's own certificate, for upstreams that ask for one.
	CertFile string `yaml:"certFile" format:"path"`

	// PEM file of that certificate's private key.
	KeyFile string `yaml:"keyFile" format:"path"`

	// Accept any certificate. For tests only: whoever is in between can read and change everything.
	InsecureSkipVerify bool `yaml:"insecureSkipVerify" default:"false"`
}

// UpstreamTimeouts are the deadlines towards an upstream that belong to the connection.
type UpstreamTimeouts struct {
	// For opening a connection.
	Connect Duration `yaml:"connect" default:"1s" min:"1ms" max:"10m"`

	// For the TLS handshake.
	TLSHandshake Duration `yaml:"tlsHandshake" default:"3s" min:"1ms" max:"10m"`

	// How long an unused connection is kept. Keep it shorter than the upstream's own keep-alive, or requests meet connections that are being closed.
	Idle Duration `yaml:"idle" default:"4s" min:"10ms" max:"24h"`
}

// HealthCheck asks every endpoint now and then whether it is well. When all
// endpoints of an upstream fail their checks, all are used: a broken check
// must not take a service down.
type HealthCheck struct {
	// The path that is asked for with GET.
	Path string `yaml:"path" required:"true" format:"path-absolute"`

	// The Host sent with it. Default: the endpoint's.
	Host string `yaml:"host" format:"hostname"`

	// The time between checks, spread by jitter of ±20%.
	Interval Duration `yaml:"interval" default:"5s" min:"10ms" max:"24h"`

	// How long an answer may take.
	Timeout Duration `yaml:"timeout" default:"1s" min:"1ms" max:"10m"`

	// So many failures in a row make an endpoint unhealthy.
	UnhealthyAfter int `yaml:"unhealthyAfter" default:"3" min:"1" max:"100"`

	// So many successes in a row make it healthy again.
	HealthyAfter int `yaml:"healthyAfter" default:"2" min:"1" max:"100"`
}

// Ejection takes an endpoint out of use after failures in a row: refused or
// broken connections, timeouts, answers 502 and 504. 503 and 429 don't count:
// an endpoint that sheds load is not dead. The more of its answers are of no
// use, the less it is asked, though, as long as others do better.
type Ejection struct {
	// So many failures in a row eject an endpoint. 0: never.
	ConsecutiveFailures int `yaml:"consecutiveFailures" default:"5" min:"0" max:"10000"`

	// How long an ejected endpoint stays out the first time; longer each time it comes back and fails again, up to ten times this.
	Duration Duration `yaml:"duration" default:"10s" min:"10ms" max:"24h"`

	// The most endpoints of an upstream, in percent, that may be ejected at once.
	MaxPercent int `yaml:"maxPercent" default:"50" min:"0" max:"100"`

	// Over what time a returning or new endpoint's share of the traffic grows from a tenth to all of it. 0: at once.
	Ramp Duration `yaml:"ramp" default:"10s" min:"0s" max:"1h"`
}

// Concurrency bounds how many requests are inflight at each endpoint by
// itself. What is over the limit waits in a short queue; what can't wait is
// refused at once, which costs the service nothing.
type Concurrency struct {
	// adaptive: the limit is learned from latency and failures, and needs no tuning. fixed: it is what limit says. off: none.
	Mode string `yaml:"mode" default:"adaptive" enum:"adaptive,fixed,off"`

	// The most requests inflight at one endpoint; for mode fixed, which needs it.
	Limit int `yaml:"limit" default:"0" min:"0" max:"1000000"`

	// The adaptive limit is never below this.
	Min int `yaml:"min" default:"1" min:"1" max:"1000000"`

	// The adaptive limit is never above this.
	Max int `yaml:"max" default:"10000" min:"1" max:"1000000"`

	// The adaptive limit of an endpoint of which nothing is known yet. 0: 16, or the nearest that min and max allow.
	Initial int `yaml:"initial" default:"0" min:"0" max:"1000000"`

	// Where requests over the limit wait.
	Queue Queue `yaml:"queue"`

	// The most long-lived streams at one endpoint: websockets, event streams, answers that still run a second after their header, and, when the limit is reached, uploads whose clients are slow. They don't count as inflight.
	Streams int `yaml:"streams" default:"10000" min:"1" max:"1000000"`

	// The status of a refusal. auto: 429 to those who are to stop trying, 503 to others. 503 or 429: always that one; what else a refusal tells its client, storm.answer says.
	RefuseWith string `yaml:"refuseWith" default:"auto" enum:"auto,503,429"`
}

// Storm bounds the retries that clients make while the upstream can't take all
// that is asked, and tells clients what calms them. While all is well it does
// nothing but watch.
type Storm struct {
	// bound: retries are refused that are over their share while the upstream is congested. observe: they are only counted and told of. off: not even that.
	Mode string `yaml:"mode" default:"bound" enum:"bound,observe,off"`

	// The most retries let through while the upstream is congested, in percent of the requests that it has lately answered usefully.
	Percent float64 `yaml:"percent" default:"10" min:"1" max:"100"`

	// What a refused client is told. auto: to stop trying while a storm lasts, and otherwise when to come back. stop, return: always the one, return as far as there is room. plain: neither. Needs mode bound.
	Answer string `yaml:"answer" default:"auto" enum:"auto,stop,return,plain"`

	// The longest time after which a client is told to come back.
	MaxReturn Duration `yaml:"maxReturn" default:"30s" min:"2s" max:"2m"`
}

// Queue bounds what waits at one endpoint. Requests leave it by priority,
// first attempts before retries; nobody waits who can't be answered in time.
type Queue struct {
	// How many requests may wait. auto: as many as the limit, at least 48. 0: none.
	Length string `yaml:"length" default:"auto" format:"queue-length"`

	// How much memory the requests that wait may hold: each counts as 16KiB and the size of its header.
	Bytes Size `yaml:"bytes" default:"64MiB" min:"64KiB" max:"16GiB"`
}

// Retry is what Levee sends once more by itself: to another endpoint where
// there is one, after a pause, within the request's deadline, and only as far
// as the budget goes.
type Retry struct {
	// How many attempts may follow the first: a whole number from 0 to 10. auto: 2 where an endpoint is on another host, 0 where all are on this one.
	Attempts string `yaml:"attempts" default:"auto" format:"retry-attempts"`

	// After what: connect-failure (no connection), reset-before-headers (the connection ended before an answer), refused-stream (the endpoint said that it didn't process the request), or an answer with this status. Default: all of them but 429 and 500.
	On []string `yaml:"on" enum:"connect-failure,reset-before-headers,refused-stream,429,500,502,503,504"`

	// The methods of requests that may be sent once more though an endpoint may have processed them. Others may be where nothing was processed, or where they carry an Idempotency-Key. Default: GET, HEAD, OPTIONS, QUERY, PUT and DELETE.
	Methods []string `yaml:"methods" format:"method"`

	// How much of a request's body is kept to be sent once more; a request with a larger one isn't.
	BodyLimit Size `yaml:"bodyLimit" default:"64KiB" min:"0B" max:"16MiB"`

	// How long one attempt may wait for its answer to begin, once the request's body has come, before another one is made. 0: as long as the request may.
	PerTryTimeout Duration `yaml:"perTryTimeout" default:"0s" min:"0s" max:"24h"`

	// The pause before a retry.
	Backoff Backoff `yaml:"backoff"`

	// How many retries there may be in all.
	Budget RetryBudget `yaml:"budget"`

	// Retry also requests that say that they are retries. Without it, a retry earns no further ones downstream, and chains of proxies don't multiply attempts.
	RetryRetries bool `yaml:"retryRetries" default:"false"`

	// A second attempt before the first has failed.
	Hedge Hedge `yaml:"hedge"`
}

// Backoff is the pause before a retry: any time from none to a ceiling, which
// begins with base and doubles with each retry. What the upstream asks for in
// Retry-After or grpc-retry-pushback-ms goes before it.
type Backoff struct {
	// The ceiling of the first pause.
	Base Duration `yaml:"base" default:"25ms" min:"1ms" max:"1m"`

	// The highest ceiling.
	Max Duration `yaml:"max" default:"250ms" min:"1ms" max:"10m"`
}

// RetryBudget bounds the retries and hedges of an upstream: a share of what
// succeeds, so that it dries up when nothing does, and a small reserve.
type RetryBudget struct {
	// So many retries for each hundred requests that succeed. What is not used within about ten seconds is lost.
	Percent float64 `yaml:"percent" default:"10" min:"0" max:"100"`

	// So many retries a second whatever succeeds; up to ten seconds' worth after a pause. It serves upstreams with little traffic.
	MinPerSecond float64 `yaml:"minPerSecond" default:"1" min:"0" max:"10000"`
}

// Hedge sends a request to a second endpoint when the first one is slow, and
// takes the answer that comes first. It takes one of the methods of retries, a
// body that has come and is kept, an endpoint with room, and the retries'
// budget.
type Hedge struct {
	// How long the first attempt is waited for: p95 (the time within which 95% of the answers to requests of the same class begin), a duration, or off.
	After string `yaml:"after" default:"off" format:"hedge-after"`
}
