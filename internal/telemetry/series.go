package telemetry

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

const (
	// maxSeries bounds the series of one route or upstream: an upstream that
	// answers with every status there is must not fill the memory of whoever
	// stores the metrics.
	maxSeries = 128

	// maxAllSeries bounds the series of all routes and upstreams together.
	maxAllSeries = 16384

	// maxErrorType is the longest error type, in bytes; longer ones are cut.
	maxErrorType = 64
)

// seriesKey is what tells the durations of one route or upstream apart. It is
// made on each request: small, and hashed quickly.
type seriesKey struct {
	errorType string
	status    uint16
	method    method
	scheme    scheme
	major     uint8
	minor     uint8
}

func newSeriesKey(m string, status int, errorType string) seriesKey {
	if status < 100 || status > 999 {
		status = 0 // no answer
	}
	return seriesKey{
		errorType: errorType[:min(len(errorType), maxErrorType)],
		status:    uint16(status),
		method:    methodOf(m),
	}
}

// attributes returns the key in the words of the HTTP semantic conventions.
// Answers from errorFrom on are errors by themselves.
func (k seriesKey) attributes(errorFrom uint16) []attribute.KeyValue {
	kv := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(k.method.String())}
	if k.status != 0 {
		kv = append(kv, semconv.HTTPResponseStatusCode(int(k.status)))
	}
	if k.scheme != schemeNone {
		kv = append(kv, semconv.URLScheme(k.scheme.String()))
	}
	if k.major != 0 {
		v := strconv.Itoa(int(k.major))
		if k.major == 1 {
			v += "." + strconv.Itoa(int(k.minor))
		}
		kv = append(kv, semconv.NetworkProtocolVersion(v))
	}
	switch {
	case k.errorType != "":
		kv = append(kv, semconv.ErrorTypeKey.String(strings.ToValidUTF8(k.errorType, "\ufffd")))
	case k.status >= errorFrom:
		kv = append(kv, semconv.ErrorTypeKey.String(strconv.Itoa(int(k.status))))
	}
	return kv
}

// series is one histogram and what it is of. What is needed to count stands
// first, in as few cache lines as possible.
type series struct {
	key seriesKey
	histogram
	attributes attribute.Set
}

// seriesTable holds the series of one route or upstream.
//
// Most requests of a route come to the same: one method, one status. So the
// series that is counted in most is tried before the table. With few routes that
// saves a hash; with thousands, whose tables are in no cache of the processor,
// most of what counting costs. The first one, which mostly stays the usual one, lies
// in the table itself: what is counted in stands in the same line of such a cache
// as the pointer to it.
type seriesTable struct {
	usual     atomic.Pointer[series] // nil at first
	first     series                 // in use as soon as table has one
	table     table[seriesKey, series]
	owner     attribute.KeyValue
	errorFrom uint16        // the least status that is an error by itself
	total     *atomic.Int64 // series of all tables
	overflow  atomic.Pointer[series]
}

// record counts a duration: without a lock or an allocation, except for the
// first one of its kind.
func (t *seriesTable) record(k seriesKey, d time.Duration) {
	s := t.usual.Load()
	if s != nil && s.key == k {
		s.record(d)
		return
	}
	others := s != nil
	if s = t.table.get(k); s == nil {
		s = t.grow(k)
	}
	// Among several the one that fills a bucket again and again becomes the
	// usual one; seldom, as whoever writes it takes it from all other processors.
	if n := s.record(d); (!others || n%usualEvery == 0) && s != t.overflow.Load() {
		t.usual.Store(s)
	}
}

// usualEvery is after how many counts in one bucket a series becomes the usual one.
const usualEvery = 1024

// grow adds a series for k or, when there are too many, returns the one in
// which all further ones are counted together.
func (t *seriesTable) grow(k seriesKey) *series {
	if o := t.overflow.Load(); o != nil {
		return o
	}
	k.errorType = strings.Clone(k.errorType) // it may be a part of something large
	if s := t.table.add(k, t.room, func() *series {
		s := &t.first
		if len(t.table.all()) > 0 {
			s = new(series)
		}
		s.key, s.attributes = k, attribute.NewSet(append(k.attributes(t.errorFrom), t.owner)...)
		return s
	}); s != nil {
		return s
	}
	t.overflow.CompareAndSwap(nil, &series{
		attributes: attribute.NewSet(t.owner, attribute.Bool("otel.metric.overflow", true)),
	})
	return t.overflow.Load()
}

func (t *seriesTable) room(n int) bool {
	if n >= maxSeries {
		return false
	}
	if t.total.Add(1) > maxAllSeries {
		t.total.Add(-1)
		return false
	}
	return true
}

// each calls f for every series.
func (t *seriesTable) each(f func(*series)) {
	for _, s := range t.table.all() {
		f(s)
	}
	if o := t.overflow.Load(); o != nil {
		f(o)
	}
}
