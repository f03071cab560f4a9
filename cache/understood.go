package cache

import "net/http"

// MethodQuery asks for what a content describes (RFC 10008): safe, idempotent,
// and cacheable, with the content in the key.
const MethodQuery = "QUERY"

// safeMethod tells that a request changes nothing (RFC 9110 §9.2.1, and the
// registry of methods). A method that isn't known may change anything.
func safeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, MethodQuery, "PROPFIND", "REPORT", "SEARCH":
		return true
	}
	return false
}

// heuristicallyCacheable are the statuses that may be stored without a word
// about it (RFC 9110 §15.1), without 206, which is never stored here.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// aboutTheRequest are statuses whose answers hold for one request, not for
// others to the same URL: the outcome of a condition or a range, what a client
// must do first, or that it asks too often. RFC 6585 forbids to store the last
// four whatever they say of themselves.
func aboutTheRequest(status int) bool {
	switch status {
	case 304, 407, 408, 412, 416, 417, 421, 425, 426, 428, 429, 431, 511:
		return true
	}
	return false
}

// understood are the statuses whose rules of caching are kept here, for
// must-understand (RFC 9111 §5.2.2.3).
func understood(status int) bool {
	switch {
	case aboutTheRequest(status), status == 206:
		return false
	case heuristicallyCacheable(status):
		return true
	}
	switch status {
	case 201, 202, 205, 302, 303, 307, 400, 401, 402, 403, 406, 409, 411, 413, 415, 422, 500, 502, 503, 504, 505:
		return true
	}
	return false
}

// failure are the answers that a stale response may be used in place of (RFC
// 5861 §4).
func failure(status int) bool {
	return status == 500 || status == 502 || status == 503 || status == 504
}
