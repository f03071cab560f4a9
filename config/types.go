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
