// Package signals reads what messages say, in the dialects that clients, proxies
// and services have for it: which attempt a request is, which name it goes by, how
// long its client waits, and whether, when and where an answer wants it tried again. What is read is only
// what was said: whom to believe is the caller's to know.
package signals

// ShedHeader says why a request was shed: by this Levee where Proxy-Status
// names it, by one behind it otherwise, whose word is passed on.
const ShedHeader = "Levee-Shed"

// Fields by which a refusal says whether to try again, and when. README.md and
// docs/retry-signals.md say who reads them.
const (
	RetryAfterHeader    = "Retry-After"
	AWSRetryAfterHeader = "X-Amz-Retry-After" // in milliseconds
	RateLimitedHeader   = "X-Envoy-Ratelimited"
	ShouldRetryHeader   = "X-Should-Retry"
	PushbackHeader      = "Grpc-Retry-Pushback-Ms"
)

// Fields that say it, too, and that Levee's own refusals don't have, or not for that.
const (
	finagleStopHeader = "Finagle-Http-Nonretryable-Nack"
	proxyStatusHeader = "Proxy-Status"
	dateHeader        = "Date"
)

// Error types of Proxy-Status (RFC 9209, section 2.3) that say it.
const (
	ErrorLoop            = "proxy_loop_detected"
	ErrorConnectionLimit = "connection_limit_reached"
	ErrorDenied          = "http_request_denied"
)
