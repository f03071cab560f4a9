package cache

import (
	"net/http"
	"slices"
	"strings"
)

// known are request fields that HTTP and the web give a meaning to, and those
// by which infrastructure marks, traces and times each request: an origin that
// answers by one of the former knows of Vary, and none answers by the latter.
// X-Forwarded-Host and its kin are here because the proxy sets them itself.
// X-Original-Url, X-Http-Method-Override and their like are not.
//
// It is asked for each field of each request: a switch takes a third of a map's time.
func known(name string) bool {
	switch name {
	case "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers",
		"Access-Control-Request-Method", "Authorization", "Cache-Control", "Cdn-Loop", "Connection",
		"Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "Cookie", "Date",
		"Device-Memory", "Dnt", "Downlink", "Dpr", "Early-Data", "Ect", "Expect", "Forwarded", "From",
		"Host", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
		"If-Unmodified-Since", "Keep-Alive", "Max-Forwards", "Origin", "Pragma", "Priority",
		"Proxy-Connection", "Range", "Referer", "Rtt", "Save-Data", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Via", "Viewport-Width", "Width":
		return true

	case "B3", "Baggage", "Traceparent", "Tracestate", "Uber-Trace-Id", "X-Amzn-Trace-Id",
		"X-Cloud-Trace-Context", "X-Correlation-Id", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip", "Grpc-Timeout", "X-Envoy-Attempt-Count",
		"X-Envoy-Expected-Rq-Timeout-Ms", "X-Envoy-External-Address", "X-Envoy-Internal":
		return true
	}
	return false
}

// knownPrefixes are families of such fields.
var knownPrefixes = [...]string{"Sec-Fetch-", "Sec-Ch-", "Sec-Gpc", "Sec-Purpose", "X-B3-", "X-Datadog-", "Amz-Sdk-"}

// Listed tells whether a request field, by its canonical name, is one that the
// route knows: of the key, allowed, or known anyway.
func (c *Config) Listed(name string) bool {
	return known(name) || slices.Contains(c.KeyHeaders, name) || slices.Contains(c.AllowHeaders, name) ||
		slices.ContainsFunc(knownPrefixes[:], func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// DropUnlisted takes the fields that aren't listed out of a request's header,
// which it changes, on routes where they are not sent upstream.
func (c *Config) DropUnlisted(h http.Header) {
	if c.Unlisted != UnlistedDrop {
		return
	}
	for name := range h {
		if !c.Listed(name) {
			delete(h, name)
		}
	}
}
