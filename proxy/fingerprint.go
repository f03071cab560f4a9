package proxy

import (
	"hash/maphash"
	"net/http"

	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// The headers whose value only a retry repeats, beside Idempotency-Key.
const (
	awsInvocationHeader = "Amz-Sdk-Invocation-Id"
	traceHeader         = "Traceparent"
)

// fingerprint notes hashes of what a retry of this request would repeat. The
// best one that there is is its print, exact where nothing but a retry repeats
// it. From the best:
//
//  1. an invocation id of an SDK, which all attempts of one call carry;
//  2. an Idempotency-Key, together with who sends it, as the key may be short;
//  3. a request id that the client chose, or a trace id of its own (W3C Trace
//     Context, traceparent), each with the target: services that pass either
//     on use it for all the calls that they make for one request of theirs;
//  4. who asks, for what: method, host, path, query and the body's length, and
//     a QUERY's body where it is known, as that says what is asked for.
//     A poller repeats that too, which is why it isn't exact.
//
// The last is noted beside one of the third kind too: those ids are often made
// by a proxy on the way, anew for each attempt of a client that knows of none.
//
// An attacker can make up all of it, and with it look like a retry, or like a
// first attempt. The first only puts his own requests behind others'; the
// second wins what any new client has. To make somebody else look like a retry
// he would have to know that one's next id, and fail with it first; keys that
// can be guessed are taken together with their sender, so that isn't enough.
// The hash is seeded anew at each start: nobody can aim at a slot of the
// detector's memory. Nothing is allocated, and no id is kept.
func (x *exchange) fingerprint(p *storm.Request) {
	h := x.r.Header
	p.Exact = true
	trace := ""
	if !x.unmarked {
		if p.Print = printOfCall(h, p.Client); p.Print != 0 {
			return
		}
		trace = traceID(only(h, traceHeader))
	}
	target := printOf(4, maphash.String(printSeed, x.r.Method), maphash.String(printSeed, x.r.Host),
		maphash.String(printSeed, x.r.URL.Path), maphash.String(printSeed, x.r.URL.RawQuery))
	asked := printOf(7, p.Client, target, uint64(x.r.ContentLength), x.content)
	if id := only(h, x.gen.requestIDHeader); soundID(id) {
		p.Print, p.Also = printOf(5, maphash.String(printSeed, id), target), asked
		return
	}
	if trace != "" {
		p.Print, p.Also = printOf(6, maphash.String(printSeed, trace), target), asked
		return
	}
	p.Print, p.Exact = asked, false
}

// marksCall says whether a field may tell of which call a request is an attempt, or
// which one: hardly any request has such a field, and there are ten of them to look
// up.
func marksCall(name string) bool {
	switch name {
	case awsInvocationHeader, signals.IdempotencyKeyHeader, traceHeader:
		return true
	}
	return signals.TellsAttempt(name)
}

// printOfCall is the print of the first and the second kind; 0: there is none.
func printOfCall(h http.Header, client uint64) uint64 {
	if id := only(h, awsInvocationHeader); id != "" {
		return printOf(1, maphash.String(printSeed, id))
	}
	for _, v := range h[signals.GoogleClientHeader] {
		if id, ok := signals.Marked(v, signals.GoogleInvocationTag, ' '); ok && id != "" {
			return printOf(2, maphash.String(printSeed, id))
		}
	}
	if key := only(h, signals.IdempotencyKeyHeader); key != "" {
		return printOf(3, maphash.String(printSeed, key), client)
	}
	return 0
}

var printSeed = maphash.MakeSeed()

// printOf mixes hashes into one, in their order; never 0, which says that there
// is none. The multiplier is that of splitmix64 (Steele, Lea and Flood, 2014).
func printOf(kind uint64, parts ...uint64) uint64 {
	n := kind
	for _, p := range parts {
		n = (n ^ n>>29 ^ p) * 0xbf58476d1ce4e5b9
	}
	return max(n^n>>32, 1)
}

// only is a header's value, if it has just one.
func only(h http.Header, name string) string {
	if v := h[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// traceID is the trace id in a traceparent of any version (W3C Trace Context,
// section 3.2), or "".
func traceID(s string) string {
	const id, end = 3, 35 // 00-<32 digits>-<16 digits>-<2 digits>
	if len(s) < 55 || s[2] != '-' || s[end] != '-' || s[52] != '-' || s[:2] == "ff" {
		return ""
	}
	zero := true
	for i := id; i < end; i++ {
		switch c := s[i]; {
		case c == '0':
		case '1' <= c && c <= '9', 'a' <= c && c <= 'f':
			zero = false
		default:
			return ""
		}
	}
	if zero {
		return ""
	}
	return s[id:end]
}
