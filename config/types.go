package config

// Config is one whole configuration of Levee, as read from a YAML file or
// built from flags. It is plain data: nothing in it runs, and after Parse
// nothing changes it, so it may be shared between goroutines.
//
// The struct tags are the single source of what a key accepts: yaml (its
// name), default, min, max, enum, required and format drive the decoder, the
// JSON Schema and the reference in docs/configuration.md alike; the field
// comments are the descriptions there.
type Config struct {
	// Version of the configuration's format.
	APIVersion string `yaml:"apiVersion" required:"true" enum:"levee/v1"`

	// Where client traffic is accepted. Default: one listener on :4480.
	Listeners []Listener `yaml:"listeners"`

	// Which requests go to which upstream: host first, then the longest path prefix.
	Routes []Route `yaml:"routes" required:"true"`

	// The services behind Levee.
	Upstreams []Upstream `yaml:"upstreams" required:"true"`

	// The port for probes and scrapes: /live, /ready and /metrics.
	Health Health `yaml:"health"`

	// The operator's port: status, configuration, profiles, reload and drain.
	Admin Admin `yaml:"admin"`

	// Whom to believe about the client, and what to tell the upstream of it.
	Forwarding Forwarding `yaml:"forwarding"`

	// How clients are told apart, for per-client caps and for fairness among them.
	Clients Clients `yaml:"clients"`

	// The deadline header of your own, beside grpc-timeout and x-envoy-expected-rq-timeout-ms.
	Deadline Deadline `yaml:"deadline"`

	// The header by which trusted peers say how important a request is.
	Priority Priority `yaml:"priority"`

	// Bounds on what a client may send and on what Levee holds open.
	Limits Limits `yaml:"limits"`

	// Who reads and writes HTTP/1.1: lean is Levee's own engine, which costs less and refuses framing that others could read differently, standard is Go's net/http, which takes some of that. HTTP/2 is net/http's in both.
	Engine string `yaml:"engine" default:"lean" enum:"lean,standard"`

	// Where what was learned about upstreams outlives a restart.
	State State `yaml:"state"`

	// Where keyed requests and their answers are remembered, for the routes that have an idempotency mode.
	Idempotency Idempotency `yaml:"idempotency"`

	// Where the answers of routes with a cache are kept.
	Cache Cache `yaml:"cache"`

	// Levee's own log and the access log.
	Log Log `yaml:"log"`

	// How a stop goes.
	Shutdown Shutdown `yaml:"shutdown"`

	source source
}

// Listener is one socket on which client traffic is accepted. It speaks
// HTTP/1.1 and HTTP/2: by ALPN over TLS, by prior knowledge (h2c) without.
type Listener struct {
	// host:port, :port or unix:/path/to/socket.
	Address string `yaml:"address" required:"true" format:"address"`

	// TLS for this listener. Default: none.
	TLS *ListenerTLS `yaml:"tls"`

	// The most connections open at once; further ones wait in the kernel's backlog. 0: derived from the file descriptor limit.
	MaxConnections int `yaml:"maxConnections" default:"0" min:"0" max:"10000000"`

	// How fast new connections are accepted; faster ones wait in the kernel's backlog. Default: unlimited.
	ConnectionRate *Rate `yaml:"connectionRate"`

	// Deadlines on the client's side of a connection.
	Timeouts ListenerTimeouts `yaml:"timeouts"`
}

// ListenerTLS is how a listener terminates TLS. The files are read again when they change.
type ListenerTLS struct {
	// Certificates by which the listener proves itself; chosen by the name the client asks for, the first when none fits.
	Certificates []Certificate `yaml:"certificates" required:"true"`

	// PEM file of the authorities whose client certificates are accepted. Set: a client must present one.
	ClientCAFile string `yaml:"clientCAFile" format:"path"`

	// The oldest TLS version accepted.
	MinVersion string `yaml:"minVersion" default:"1.2" enum:"1.2,1.3"`
}

// Certificate is a certificate chain and its private key, each a PEM file.
type Certificate struct {
	// PEM file of the certificate chain, leaf first.
	CertFile string `yaml:"certFile" required:"true" format:"path"`

	// PEM file of the private key.
	KeyFile string `yaml:"keyFile" required:"true" format:"path"`
}

// ListenerTimeouts are the deadlines on a client's connection. Those for
// reading and writing move with progress: a slow transfer lives, a stuck one ends.
type ListenerTimeouts struct {
	// From the first byte of a request, or the opening of the connection, until its header is complete.
	Header Duration `yaml:"header" default:"5s" min:"10ms" max:"10m"`

	// How long a connection is kept without a request.
	Idle Duration `yaml:"idle" default:"60s" min:"100ms" max:"24h"`

	// How long a request's body may stand still.
	Read Duration `yaml:"read" default:"30s" min:"10ms" max:"24h"`

	// How long a client may refuse to take any of the answer.
	Write Duration `yaml:"write" default:"30s" min:"10ms" max:"24h"`
}

// Rate is a token bucket: so many a second, and so many at once after a pause.
type Rate struct {
	// How many a second, averaged.
	PerSecond float64 `yaml:"perSecond" required:"true" min:"0.001" max:"10000000"`

	// How many at once after a pause. 0: as many as perSecond, at least 1.
	Burst int `yaml:"burst" default:"0" min:"0" max:"10000000"`
}

// Route sends the requests that match it to an upstream.
type Route struct {
	// The route's name in metrics, logs and Proxy-Status. Default: hosts and path prefix.
	Name string `yaml:"name" format:"routename"`

	// Which requests this route takes.
	Match Match `yaml:"match"`

	// The name of the upstream.
	Upstream string `yaml:"upstream" required:"true"`

	// From a request's arrival until its answer is complete. 0: no limit. Upgraded connections and event streams are free of it once they run.
	Timeout Duration `yaml:"timeout" default:"0s" min:"0s" max:"24h"`

	// Until the upstream's answer begins, and for each pause in one that goes into the cache. 0: no limit. gRPC calls, whose answers may begin late, are free of it.
	ResponseTimeout Duration `yaml:"responseTimeout" default:"60s" min:"0s" max:"24h"`

	// How important the route's requests are when the upstream can't take all: critical, default, background, or a number from 0 (the most important; critical) over 4 (default) to 7 (background).
	Priority string `yaml:"priority" default:"default" format:"priority"`

	// Caps on the requests of this route. Default: none.
	RateLimit *RateLimit `yaml:"rateLimit"`

	// That a request with an Idempotency-Key reaches the upstream once at most.
	Idempotency RouteIdempotency `yaml:"idempotency"`

	// Answering from what the upstream answered before.
	Cache RouteCache `yaml:"cache"`

	// What is answered instead of a refusal or a failure, when nothing cached can be. Default: none.
	Fallback *Fallback `yaml:"fallback"`
}

// Match says which requests a route takes. An exact host wins over a
// wildcard, a longer wildcard over a shorter one, any of them over no host;
// within a host the longest path prefix wins.
type Match struct {
	// Host names, without a port; *.example.com stands for any name below example.com. Default: every host.
	Hosts []string `yaml:"hosts" format:"hostpattern"`

	// The beginning of the path, in whole segments: /v1 takes /v1 and /v1/x, not /v1x.
	PathPrefix string `yaml:"pathPrefix" default:"/" format:"pathprefix"`
}

// RateLimit caps the requests of a route. What is over it gets 429 with Retry-After.
type RateLimit struct {
	// All clients together. Default: unlimited.
	Total *Rate `yaml:"total"`

	// Each client by itself, as told apart by clients.identity. Default: unlimited.
	PerClient *Rate `yaml:"perClient"`
}

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
// an endpoint that sheds load is not dead.
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

// Health is the port for probes and scrapes. It only answers GET, and holds nothing secret.
type Health struct {
	// host:port, :port, unix:/path, or off.
	Address string `yaml:"address" default:":4482" format:"address-or-off"`
}

// Admin is the operator's port. It must not be reachable by clients: a
// loopback address or a unix socket.
type Admin struct {
	// A loopback host:port, unix:/path, or off.
	Address string `yaml:"address" default:"127.0.0.1:4481" format:"admin-address"`
}

// Forwarding says whom to believe about who the client is, and what is told to the upstream.
type Forwarding struct {
	// Networks (CIDRs or addresses, and "unix" for peers on unix sockets) whose X-Forwarded-*, Forwarded, deadline and priority headers are believed. Others' are replaced.
	Trusted []string `yaml:"trusted" format:"cidr"`

	// Send X-Forwarded-For, -Host, -Proto and -Port.
	XForwarded bool `yaml:"xForwarded" default:"true"`

	// Send Forwarded (RFC 7239).
	Forwarded bool `yaml:"forwarded" default:"true"`

	// The name under which Levee enters itself in Via and Proxy-Status.
	Name string `yaml:"name" default:"levee" format:"name"`

	// The header that carries a request's id: passed on when a client sent a sound one, made otherwise.
	RequestIDHeader string `yaml:"requestIDHeader" default:"X-Request-Id" format:"header"`
}

// Clients says how clients are told apart.
type Clients struct {
	// ip (after trusted forwarding headers), header:NAME, tls (the client certificate's subject), or jwt (the sub of a bearer token, unverified). Clients without the chosen mark are told apart by ip.
	Identity string `yaml:"identity" default:"ip" format:"identity"`

	// How many clients are remembered at once, on each route that caps them; the coldest are forgotten.
	Remembered int `yaml:"remembered" default:"65536" min:"16" max:"10000000"`
}

// Deadline names one more header from which a request's deadline is taken.
type Deadline struct {
	// A header with the time a client will wait: 800, 800ms or 1.5s; a bare number is milliseconds. What is left is passed on in it.
	Header string `yaml:"header" format:"header"`
}

// Priority names the header that carries a request's priority.
type Priority struct {
	// A header with critical, default, background, or a number from 0 to 7, believed from trusted peers before the route's own priority; others' are dropped. The priority in force is passed on in it.
	Header string `yaml:"header" format:"header"`
}

// State keeps what was learned about upstreams in a small file, so that a
// restart under load doesn't begin anew.
type State struct {
	// The file; written whole, at intervals and at shutdown. Default: none, and nothing is kept.
	File string `yaml:"file" format:"path"`

	// The time between writes.
	Interval Duration `yaml:"interval" default:"10s" min:"100ms" max:"24h"`

	// A file older than this is ignored at start: the service may be another by now.
	MaxAge Duration `yaml:"maxAge" default:"15m" min:"1s" max:"720h"`
}

// Idempotency is where keyed requests and their answers are remembered. A key
// is never forgotten before its time: what comes when there is no room for
// another is refused. See docs/idempotency.md.
type Idempotency struct {
	// The journal, by which keys outlive a restart; it takes up to three times as much as bytes. Default: none, and a restart forgets all keys.
	File string `yaml:"file" format:"path"`

	// When the journal is forced to the disk: always (before a request is sent, and before its answer is), interval (once a second) or never. It matters when the machine loses its power; Levee itself may be killed at any moment.
	Fsync string `yaml:"fsync" default:"always" enum:"always,interval,never"`

	// How long a key is remembered, from its answer on.
	Retention Duration `yaml:"retention" default:"24h" min:"1s" max:"720h"`

	// How many keys are remembered at most: a second's new ones times the retention. Each takes half a KiB of bytes at least.
	Entries int `yaml:"entries" default:"200000" min:"1" max:"10000000"`

	// How much memory keys and answers may take, and as much again the bodies of keyed requests under way. When there is no room, the oldest answers go, and their keys stay with the status.
	Bytes Size `yaml:"bytes" default:"128MiB" min:"1MiB" max:"16GiB"`
}

// RouteIdempotency guards a route's requests that carry an Idempotency-Key. A
// twin of one that is under way waits for its answer, a twin of one that was
// answered gets that answer; neither reaches the upstream.
type RouteIdempotency struct {
	// off: keys are passed on unread. optional: requests with a key are guarded. required: those without one are answered 400.
	Mode string `yaml:"mode" default:"off" enum:"off,optional,required"`

	// The guarded methods: POST, PATCH, PUT or DELETE. Default: POST and PATCH.
	Methods []string `yaml:"methods" enum:"POST,PATCH,PUT,DELETE"`

	// The largest body of a keyed request, which is read whole before it is sent; more is answered 413.
	BodyLimit Size `yaml:"bodyLimit" default:"1MiB" min:"0B" max:"16MiB"`

	// The largest answer that is kept. Twins of a request with a larger one get 409.
	AnswerLimit Size `yaml:"answerLimit" default:"1MiB" min:"0B" max:"16MiB"`

	// What becomes of a keyed request that can't be remembered, because the journal fails or there is no room: refuse (503), or pass it on unguarded.
	OnStoreFailure string `yaml:"onStoreFailure" default:"refuse" enum:"refuse,pass"`

	// What becomes of a request whose twin may have reached the upstream and got no answer: refuse (409), or pass it on once more.
	InDoubt string `yaml:"inDoubt" default:"refuse" enum:"refuse,pass"`
}

// Cache is the memory in which cached answers are kept, for all routes together.
type Cache struct {
	// How much memory all that is kept may take, with what it takes to find it. When there is no room, what is asked for the least goes.
	Bytes Size `yaml:"bytes" default:"64MiB" min:"1MiB" max:"1024GiB"`

	// The most that one answer may take; larger ones are passed on and not kept. At most a quarter of bytes.
	ObjectBytes Size `yaml:"objectBytes" default:"1MiB" min:"1KiB" max:"1GiB"`

	// A copy on the disk, by which what is kept outlives a restart.
	Snapshot CacheSnapshot `yaml:"snapshot"`
}

// CacheSnapshot keeps what is cached in a file, which is read in the background
// at the start. It is written whole, at intervals and at shutdown, if anything
// was stored or purged since; beside the old one, so that a crash or a full disk
// leaves that.
type CacheSnapshot struct {
	// The file. Its folder must exist, be Levee's to write in, and have room for two of them. Default: none, and a restart begins with an empty cache.
	File string `yaml:"file" format:"path"`

	// The time between writes; nine times as long as the last one took, if that is more.
	Interval Duration `yaml:"interval" default:"1m" min:"1s" max:"24h"`
}

// RouteCache answers a route's requests from what its upstream answered before,
// as far as HTTP's rules for shared caches and the origin's own words
// (Cache-Control and its kin) allow it. Answers that forbid to be used stale
// (must-revalidate, proxy-revalidate, s-maxage, no-cache) never are, whatever is
// written here.
type RouteCache struct {
	// off, or on. levee run --mode egress turns it on where nothing is written.
	Mode string `yaml:"mode" default:"off" enum:"off,on"`

	// How long answers are fresh that say nothing about it. 0: a tenth of the time since their Last-Modified; without that they aren't kept.
	DefaultTTL Duration `yaml:"defaultTTL" default:"0s" min:"0s" max:"8760h"`

	// Answers that there is nothing.
	Negative NegativeCache `yaml:"negative"`

	// How long after its freshness an answer is still used at once, while it is refreshed behind. The answer's own stale-while-revalidate goes before it.
	StaleWhileRevalidate Duration `yaml:"staleWhileRevalidate" default:"0s" min:"0s" max:"8760h"`

	// How long after its freshness an answer is used when the upstream fails: no connection, no answer in time, 500, 502, 503 or 504. The answer's own stale-if-error goes before it. levee run --mode egress makes it 10m where nothing is written.
	StaleIfError Duration `yaml:"staleIfError" default:"0s" min:"0s" max:"8760h"`

	// How long after its freshness an answer is used when the request would be refused to spare the upstream. stale-on-overload in the answer's Levee-Cache-Control goes before it. levee run --mode egress makes it 10m where nothing is written.
	StaleOnOverload Duration `yaml:"staleOnOverload" default:"0s" min:"0s" max:"8760h"`

	// The greatest age at which an answer is used when the upstream fails or the request would be refused, and nothing else can serve. 0: never.
	LastKnownGood Duration `yaml:"lastKnownGood" default:"0s" min:"0s" max:"8760h"`

	// What answers are told apart by, beside method, scheme, host, path, query and what their Vary names.
	Key CacheKey `yaml:"key"`

	// Header fields of requests that reach the upstream and aren't part of the key, beside those that HTTP gives a meaning to: by these the upstream must not choose its answer.
	RequestHeaders []string `yaml:"requestHeaders" format:"header"`

	// What becomes of a request with a header field that is neither listed here nor known: bypass (it goes to the upstream whole, and the cache has no part in it), drop (it goes without that field), or pass (the field reaches the upstream; then one client can choose what others get, unless the upstream's Vary names it).
	UnlistedHeaders string `yaml:"unlistedHeaders" default:"bypass" enum:"bypass,drop,pass"`

	// Follow what clients ask of caches: Cache-Control and Pragma of their requests. false: clients can't get past the cache.
	ClientDirectives bool `yaml:"clientDirectives" default:"true"`

	// The most that one of the route's answers may take. 0: as the cache has it.
	ObjectBytes Size `yaml:"objectBytes" default:"0B" min:"0B" max:"1GiB"`

	// The largest content of a QUERY (RFC 10008) that is read before the cache is asked, as it is part of the key. Larger ones go by the cache; 0: all of them do.
	QueryBytes Size `yaml:"queryBytes" default:"64KiB" min:"0B" max:"1MiB"`
}

// NegativeCache is how long answers are fresh that say that there is nothing,
// and nothing of their freshness.
type NegativeCache struct {
	// Their statuses. Default: 404 and 410.
	Statuses []string `yaml:"statuses" enum:"404,405,410,414,501"`

	// How long. 0: a tenth of the time since their Last-Modified; without that they aren't kept.
	TTL Duration `yaml:"ttl" default:"1s" min:"0s" max:"8760h"`
}

// CacheKey is what requests are told apart by that would else get the same
// answer, and what they aren't.
type CacheKey struct {
	// Header fields that are part of the key.
	Headers []string `yaml:"headers" format:"header"`

	// Cookies that are part of the key.
	Cookies []string `yaml:"cookies" format:"cookie"`

	// Query parameters that aren't; a star at the end stands for any ending. They reach the upstream all the same, and must not change its answer.
	IgnoreQuery []string `yaml:"ignoreQuery" format:"query-parameter"`
}

// Fallback is an answer that always can be given: to requests that would be
// refused to spare the upstream, that it fails to answer, or that it answers
// 500, 502, 503 or 504, when nothing cached can be used.
type Fallback struct {
	// The answer's status.
	Status int `yaml:"status" default:"200" min:"200" max:"599"`

	// The answer's header fields. Default: Cache-Control: no-store, and a Content-Type of plain text where there is a body.
	Headers []HeaderField `yaml:"headers"`

	// The answer's body.
	Body string `yaml:"body"`

	// The methods of requests that get it. Default: GET, HEAD and QUERY. Others ask for something to be done, which it isn't.
	Methods []string `yaml:"methods" format:"method"`
}

// HeaderField is one field of a header.
type HeaderField struct {
	// The field's name.
	Name string `yaml:"name" required:"true" format:"header"`

	// The field's value.
	Value string `yaml:"value" format:"header-value"`
}

// Limits bounds what a client may send and what Levee holds open.
type Limits struct {
	// The most a request's header may hold; more is answered 431.
	HeaderBytes Size `yaml:"headerBytes" default:"32KiB" min:"4KiB" max:"1MiB"`

	// The most fields a request's header may have; more is answered 431.
	HeaderFields int `yaml:"headerFields" default:"100" min:"10" max:"10000"`

	// The most an upstream's response header may hold; more is answered 502.
	ResponseHeaderBytes Size `yaml:"responseHeaderBytes" default:"64KiB" min:"1KiB" max:"16MiB"`

	// The most connections of clients open at once, over all listeners. 0: derived from the file descriptor limit.
	Connections int `yaml:"connections" default:"0" min:"0" max:"10000000"`
}

// Log is what Levee writes of itself (to standard error) and of requests (to
// standard output). Neither can slow a request: lines that don't fit are
// dropped and counted.
type Log struct {
	// The least important lines written.
	Level string `yaml:"level" default:"info" enum:"debug,info,warn,error"`

	// How lines look.
	Format string `yaml:"format" default:"json" enum:"json,text"`

	// Which requests get a line: all, errors (Levee's own answers, 5xx, and answers that broke off) or none.
	Access string `yaml:"access" default:"all" enum:"all,errors,none"`
}

// Shutdown is how a stop goes: after SIGTERM Levee is not ready, serves on
// for the delay, then takes no new connections and finishes what is in flight.
type Shutdown struct {
	// How long new connections are still served after SIGTERM, so that load balancers can notice. SIGINT skips it.
	Delay Duration `yaml:"delay" default:"5s" min:"0s" max:"10m"`

	// How long requests in flight may take after that.
	Timeout Duration `yaml:"timeout" default:"30s" min:"0s" max:"1h"`
}
