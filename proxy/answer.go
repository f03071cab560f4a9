package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// errorType is a proxy error type of RFC 9209, section 2.3: what Proxy-Status
// says, and the reason in logs and metrics.
type errorType string

// The error types that Levee uses. README.md explains each to whoever gets one.
const (
	errDNS               errorType = "dns_error"
	errNoRoute           errorType = "destination_not_found"
	errUnavailable       errorType = "destination_unavailable"
	errRefused           errorType = "connection_refused"
	errTerminated        errorType = "connection_terminated"
	errConnectTimeout    errorType = "connection_timeout"
	errConnectionLimit   errorType = signals.ErrorConnectionLimit
	errTLSProtocol       errorType = "tls_protocol_error"
	errTLSCertificate    errorType = "tls_certificate_error"
	errTLSAlert          errorType = "tls_alert_received"
	errRequest           errorType = "http_request_error"
	errDenied            errorType = signals.ErrorDenied
	errResponseIncoming  errorType = "http_response_incomplete"
	errResponseHeader    errorType = "http_response_header_section_size"
	errResponseTimeout   errorType = "http_response_timeout"
	errUpgrade           errorType = "http_upgrade_failed"
	errProtocol          errorType = "http_protocol_error"
	errInternal          errorType = "proxy_internal_error"
	errLoop              errorType = signals.ErrorLoop
	errClientGone        errorType = "client_gone" // ours: never sent, only logged
	errHedgeLost         errorType = "hedge_lost"  // ours: of an attempt, in metrics
	statusClientGone               = 499           // in logs, as nginx has it
	grpcContentType                = "application/grpc"
	maxDetails                     = 200
	plainTextContentType           = "text/plain; charset=utf-8"
)

// answer is what Levee says when it answers a request by itself.
type answer struct {
	status     int
	kind       errorType
	details    string        // for people: no secrets, no addresses of upstreams
	retryAfter time.Duration // 0: not said
	shed       string        // what Levee-Shed says; "": nothing
}

// write sends a to the client: plain text with the facts, or for gRPC a
// trailers-only answer, since gRPC clients would have to guess from the HTTP
// status (and guess UNAVAILABLE, which they may retry).
func (a *answer) write(w http.ResponseWriter, x *exchange) {
	h := w.Header()
	clear(h) // nothing of an upstream's answer may mix with ours
	h["Proxy-Status"] = []string{a.proxyStatus(x.gen.name)}
	if x.requestID != "" {
		h[x.gen.requestIDHeader] = []string{x.requestID}
	}
	if a.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int((a.retryAfter + time.Second - 1) / time.Second))}
	}
	if a.shed != "" {
		h[signals.ShedHeader] = []string{a.shed}
	}
	if a.status == http.StatusMethodNotAllowed {
		h["Allow"] = []string{"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}
	}
	if x.closes() {
		h["Connection"] = []string{"close"}
	}
	x.boundAnswer(w)
	if x.grpc {
		if a.retryAfter > 0 { // gRPC clients don't read Retry-After, and may try again at once
			h[signals.PushbackHeader] = []string{strconv.FormatInt(a.retryAfter.Milliseconds(), 10)}
		}
		h["Content-Type"] = []string{grpcContentType}
		h["Grpc-Status"] = []string{strconv.Itoa(grpcStatus(a.status))}
		h["Grpc-Message"] = []string{percentEncode(a.text())}
		w.WriteHeader(http.StatusOK)
		return
	}
	body := a.text() + "\n"
	h["Content-Type"] = []string{plainTextContentType}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(a.status)
	if x.r.Method != http.MethodHead {
		n, _ := w.Write([]byte(body))
		x.record.BytesOut += int64(n)
	}
}

// boundAnswer gives the client its time to take an answer that is written at once. The
// lean engine does so by itself, and so does HTTP/2.
func (x *exchange) boundAnswer(w http.ResponseWriter) {
	if x.r.ProtoMajor == 1 && (x.conn.engine == nil || x.conn.engine.lean == nil) {
		newWriteProgress(x, http.NewResponseController(w).SetWriteDeadline).before()
	}
}

func (a *answer) text() string {
	s := http.StatusText(a.status)
	if a.details != "" {
		s += ": " + a.details
	}
	return s
}

// proxyStatus renders a Proxy-Status list member (RFC 9209, section 2).
func (a *answer) proxyStatus(name string) string {
	var b strings.Builder
	b.Grow(len(name) + len(a.kind) + len(a.details) + 24)
	b.WriteString(name)
	b.WriteString("; error=")
	b.WriteString(string(a.kind))
	if a.details != "" {
		b.WriteString(`; details="`)
		writeSFString(&b, a.details)
		b.WriteByte('"')
	}
	return b.String()
}

// writeSFString writes s as the inside of a structured field's string (RFC
// 9651, section 4.1.6): printable ASCII, quotes and backslashes escaped.
// What doesn't fit becomes a question mark; what is too long is cut.
func writeSFString(b *strings.Builder, s string) {
	if len(s) > maxDetails {
		s = s[:maxDetails]
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c > 0x7e:
			b.WriteByte('?')
		default:
			b.WriteByte(c)
		}
	}
}

// grpcStatus maps Levee's HTTP statuses to gRPC's codes. Unlike gRPC's own
// mapping of HTTP statuses, 429 becomes RESOURCE_EXHAUSTED and 504
// DEADLINE_EXCEEDED: that is what they mean, and neither invites a retry.
func grpcStatus(status int) int {
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusConflict:
		return 9 // FAILED_PRECONDITION
	case http.StatusUnprocessableEntity:
		return 3 // INVALID_ARGUMENT
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return 4 // DEADLINE_EXCEEDED
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return 12 // UNIMPLEMENTED
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return 14 // UNAVAILABLE
	default:
		return 13 // INTERNAL
	}
}

// percentEncode encodes a Grpc-Message as gRPC over HTTP/2 has it.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func rateLimited(wait time.Duration, whose string) *answer {
	return &answer{
		status: http.StatusTooManyRequests, kind: errDenied,
		details: "rate limit of the " + whose, retryAfter: max(wait, time.Second),
	}
}
