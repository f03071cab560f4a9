package telemetry

import "time"

// Record is what the access log tells of one request. It is filled by the
// request's goroutine and copied by [AccessLog.Log], which keeps no reference
// to it or to its strings. Strings over their cap are cut, which a final "…"
// shows. Empty strings and a zero UpstreamDuration are left out of the line.
type Record struct {
	// Time is when the request arrived.
	Time time.Time
	// Duration is from arrival until the answer was complete.
	Duration time.Duration
	// UpstreamDuration is until the upstream's response headers; 0 if none came.
	UpstreamDuration time.Duration
	// Method of the request. Cap: 32 bytes.
	Method string
	// Host that was asked for. Cap: 256 bytes.
	Host string
	// Path of the request, without its query, which may hold secrets. Cap: 1 KiB.
	Path string
	// Proto is the protocol's version, as HTTP/1.1. Cap: 16 bytes.
	Proto string
	// Route, Upstream and Endpoint are where the request went. Caps: 128, 128
	// and 256 bytes.
	Route    string
	Upstream string
	Endpoint string
	// Client is the client's address. Cap: 64 bytes.
	Client string
	// UserAgent names the client's software. Cap: 256 bytes.
	UserAgent string
	// RequestID is the id passed on to the upstream. Cap: 128 bytes.
	RequestID string
	// Reason is why Levee answered by itself, as the error type of Proxy-Status
	// (RFC 9209); empty if the upstream answered. Cap: 64 bytes.
	Reason string
	// Shed is why the request was refused to spare the upstream, as the header
	// Levee-Shed has it; empty if it wasn't. Cap: 32 bytes.
	Shed string
	// Told is what a refused client was told: stop or return; empty if neither.
	// Cap: 8 bytes.
	Told string
	// Attempt is which attempt the request is, by its own word or as Levee infers;
	// left out of the line where it is the first.
	Attempt int
	// Idempotency is what became of a keyed request, as first or replayed; empty
	// if it had no key. Cap: 32 bytes.
	Idempotency string
	// KeyReference is the key of a keyed request that may have been carried out
	// and whose answer isn't known, as an operator has it; else empty. Cap: 64
	// bytes.
	KeyReference string
	// Cache is how the cache took part in the request, as hit, miss or
	// stale-if-error; empty on routes without one. Cap: 32 bytes.
	Cache string
	// Status of the answer; 0 if none was sent.
	Status int
	// Attempts is how often the request was sent to the upstream. 0 and 1 are
	// left out of the line.
	Attempts int
	// BytesIn and BytesOut count the bodies' bytes.
	BytesIn  int64
	BytesOut int64
	// Aborted says that the answer was cut short.
	Aborted bool
}

// The strings of a record, in the order in which a slot holds them.
const (
	fieldMethod = iota
	fieldHost
	fieldPath
	fieldProto
	fieldRoute
	fieldUpstream
	fieldEndpoint
	fieldClient
	fieldUserAgent
	fieldRequestID
	fieldReason
	fieldShed
	fieldTold
	fieldIdempotency
	fieldKeyReference
	fieldCache
	fieldCount
)

// fieldCaps are the most bytes kept of each string.
var fieldCaps = [fieldCount]int{
	fieldMethod:       32,
	fieldHost:         256,
	fieldPath:         1024,
	fieldProto:        16,
	fieldRoute:        128,
	fieldUpstream:     128,
	fieldEndpoint:     256,
	fieldClient:       64,
	fieldUserAgent:    256,
	fieldRequestID:    128,
	fieldReason:       64,
	fieldShed:         32,
	fieldTold:         8,
	fieldIdempotency:  32,
	fieldKeyReference: 64,
	fieldCache:        32,
}

// packed is a record as a slot of the ring holds it: all strings in one text.
type packed struct {
	time     time.Time
	duration time.Duration
	upstream time.Duration
	bytesIn  int64
	bytesOut int64
	status   int
	attempt  int
	attempts int
	aborted  bool
	ends     [fieldCount]uint16 // where each string ends in text
	text     text
}

// pack copies r. It allocates only for a record whose strings don't fit into
// the slot's buffer.
func (p *packed) pack(r *Record) {
	p.time, p.duration, p.upstream = r.Time, r.Duration, r.UpstreamDuration
	p.bytesIn, p.bytesOut, p.status, p.attempt, p.attempts, p.aborted = r.BytesIn, r.BytesOut, r.Status, r.Attempt, r.Attempts, r.Aborted

	fields := [fieldCount]string{
		fieldMethod:       r.Method,
		fieldHost:         r.Host,
		fieldPath:         r.Path,
		fieldProto:        r.Proto,
		fieldRoute:        r.Route,
		fieldUpstream:     r.Upstream,
		fieldEndpoint:     r.Endpoint,
		fieldClient:       r.Client,
		fieldUserAgent:    r.UserAgent,
		fieldRequestID:    r.RequestID,
		fieldReason:       r.Reason,
		fieldShed:         r.Shed,
		fieldTold:         r.Told,
		fieldIdempotency:  r.Idempotency,
		fieldKeyReference: r.KeyReference,
		fieldCache:        r.Cache,
	}
	total := 0
	for i := range fields {
		total += min(len(fields[i]), fieldCaps[i])
	}
	p.text.reserve(total)
	b := p.text.buf
	for i := range fields {
		b = appendCut(b, fields[i], fieldCaps[i])
		p.ends[i] = uint16(len(b))
	}
	p.text.buf = b
}

// field returns one of the strings.
func (p *packed) field(i int) []byte {
	begin := uint16(0)
	if i > 0 {
		begin = p.ends[i-1]
	}
	return p.text.buf[begin:p.ends[i]]
}

// appendLine appends the record as one line.
func (p *packed) appendLine(dst []byte, f Format) []byte {
	l := newLine(dst, f)
	l.time("time", p.time)
	l.int("status", int64(p.status))
	p.string(&l, "method", fieldMethod)
	p.string(&l, "host", fieldHost)
	p.string(&l, "path", fieldPath)
	p.string(&l, "proto", fieldProto)
	l.seconds("durationSeconds", p.duration)
	if p.upstream != 0 {
		l.seconds("upstreamSeconds", p.upstream)
	}
	if p.attempts > 1 {
		l.int("attempts", int64(p.attempts))
	}
	l.int("bytesIn", p.bytesIn)
	l.int("bytesOut", p.bytesOut)
	p.string(&l, "route", fieldRoute)
	p.string(&l, "upstream", fieldUpstream)
	p.string(&l, "endpoint", fieldEndpoint)
	p.string(&l, "client", fieldClient)
	p.string(&l, "userAgent", fieldUserAgent)
	p.string(&l, "requestID", fieldRequestID)
	p.string(&l, "reason", fieldReason)
	p.string(&l, "shed", fieldShed)
	p.string(&l, "told", fieldTold)
	if p.attempt > 1 {
		l.int("attempt", int64(p.attempt))
	}
	p.string(&l, "idempotency", fieldIdempotency)
	p.string(&l, "keyReference", fieldKeyReference)
	p.string(&l, "cache", fieldCache)
	if p.aborted {
		l.bool("aborted", true)
	}
	return l.end()
}

func (p *packed) string(l *line, key string, i int) {
	if v := p.field(i); len(v) > 0 {
		l.string(key, v)
	}
}
