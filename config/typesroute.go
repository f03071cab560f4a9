package config

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
