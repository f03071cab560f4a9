package config

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
