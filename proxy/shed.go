package proxy

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// streamsFull is a reason beside the limiter's: too many long-lived streams.
const streamsFull = limiter.RetryBudget + 1

const shedReasons = streamsFull + 1

// shedWords are the reasons as Levee-Shed has them, and in words.
//
// Of the registered error types (RFC 9209, section 2.3), the connection limit
// to the next hop is the nearest: its limit on requests is what was reached.
// A deadline that can't be met is no limit reached, and no timeout either, as
// nothing was waited for: it is denied by policy.
var shedWords = [shedReasons]struct {
	kind            errorType
	reason, details string
}{
	limiter.QueueFull:   {errConnectionLimit, limiter.QueueFull.String(), "the service is at its limit, and as many wait as may"},
	limiter.QueueBytes:  {errConnectionLimit, limiter.QueueBytes.String(), "the service is at its limit, and those that wait hold as much memory as they may"},
	limiter.Deadline:    {errDenied, limiter.Deadline.String(), "the service can't answer before the deadline"},
	limiter.Overload:    {errConnectionLimit, limiter.Overload.String(), "the service is at its limit, and those that wait do so for too long"},
	limiter.Unfair:      {errConnectionLimit, limiter.Unfair.String(), "the service is at its limit, and this client has more than its share"},
	limiter.RetryBudget: {errDenied, limiter.RetryBudget.String(), "the service is at its limit, and as many retries as may were let in already"},
	streamsFull:         {errConnectionLimit, "streams", "the service has as many streams as may be"},
}

// form is one of the shapes in which a refusal for one reason comes.
type form uint8

const (
	formPlain form = iota
	formStop
	formLater // formStop for those who can only be put off
	formReturn
	formReturnAWS

	forms
)

// timed says whether the form has a time in it.
func (f form) timed() bool { return f >= formLater }

// refusal is the answer to a request that was shed, built once for all of
// them: in a storm most requests get one, and what it costs is taken from the
// service's share of the machine. Only the time to come back is added.
type refusal struct {
	status int
	kind   errorType
	form   form
	why    limiter.Reason

	shed, proxyStatus     []string // values of header fields
	length                []string
	grpcCode, grpcMessage []string
	body                  []byte

	// The status line and the fields for HTTP/1.1, in the order in which
	// net/http writes them: before the time to come back, after it, and after
	// the request's id.
	head, tail, last []byte
}

// told is what a refusal of the form tells.
func (f form) told() told {
	switch f {
	case formStop, formLater:
		return toldStop
	case formReturn, formReturnAWS:
		return toldReturn
	}
	return toldPlain
}

// Values of header fields that are always the same.
var (
	plainTextValues = []string{plainTextContentType}
	noSniffValues   = []string{"nosniff"}
	grpcTypeValues  = []string{grpcContentType}
	closeValues     = []string{"close"}
	trueValues      = []string{"true"}
	falseValues     = []string{"false"}
	neverValues     = []string{"-1"}
)

// refusals are those of one generation, by status, reason and form.
type refusals [2][shedReasons][forms]*refusal

// Indices of statuses in refusals, and what an upstream chooses of them.
const (
	refuse503 = iota
	refuse429
	refuseAuto // by what is told
)

func newRefusals(name string) *refusals {
	all := &refusals{}
	for i, status := range [...]int{refuse503: http.StatusServiceUnavailable, refuse429: http.StatusTooManyRequests} {
		for reason, words := range shedWords {
			if words.reason == "" {
				continue
			}
			for f := range forms {
				all[i][reason][f] = newRefusal(name, status, limiter.Reason(reason), f)
			}
		}
	}
	return all
}

func newRefusal(name string, status int, why limiter.Reason, f form) *refusal {
	words := shedWords[why]
	a := answer{status: status, kind: words.kind, details: words.details}
	body := a.text() + "\n"
	r := &refusal{
		status: status, kind: words.kind, form: f, why: why, body: []byte(body),
		shed: []string{words.reason}, proxyStatus: []string{a.proxyStatus(name)}, length: []string{strconv.Itoa(len(body))},
		grpcCode: []string{strconv.Itoa(grpcStatus(status))}, grpcMessage: []string{percentEncode(a.text())},
	}
	r.head = fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nContent-Type: %s\r\n%s: %s\r\nProxy-Status: %s\r\n",
		status, http.StatusText(status), len(body), plainTextContentType, signals.ShedHeader, words.reason, r.proxyStatus[0])
	r.tail = []byte("X-Content-Type-Options: nosniff\r\n")
	if f.told() == toldStop {
		r.tail = append(r.tail, signals.RateLimitedHeader+": true\r\n"...)
		r.last = []byte(signals.ShouldRetryHeader + ": false\r\n")
	}
	return r
}

// refusal is the answer for a reason, with the status that the upstream's
// configuration chose, in the client's dialect. It settles the request's
// account: it was shed.
func (x *exchange) refusal(why limiter.Reason, now time.Time) *refusal {
	f := x.tell(why, now)
	status := x.route.upstream.refuseWith
	if status == refuseAuto {
		status = refuse503
		if f.told() == toldStop {
			status = refuse429
		}
	}
	return x.gen.refusals[status][why][f]
}

// noteShed counts a refusal at now, which may be long after the request came:
// it may have waited first.
func (p *Proxy) noteShed(x *exchange, r *refusal, now time.Time) {
	x.record.Status, x.record.Reason, x.record.Shed = r.status, string(r.kind), r.shed[0]
	if t := r.form.told(); t != toldPlain {
		x.record.Told = t.String()
	}
	p.o.Metrics.Answer(string(r.kind))
	p.lastShed.Store(int64(clock.Since(now)))
}

// shed sends a refusal. Values are shared between requests: nobody writes to
// a header's values once they are set.
func (p *Proxy) shed(w *beginning, x *exchange, r *refusal) {
	p.noteShed(x, r, time.Now())
	h := w.Header()
	h["Proxy-Status"] = r.proxyStatus
	h[signals.ShedHeader] = r.shed
	if x.requestID != "" {
		x.values.Set(h, x.gen.requestIDHeader, x.requestID)
	}
	if x.closes() {
		h["Connection"] = closeValues
	}
	r.tell(h, x)
	x.boundAnswer(w)
	if x.grpc {
		h["Content-Type"], h["Grpc-Status"], h["Grpc-Message"] = grpcTypeValues, r.grpcCode, r.grpcMessage
		w.WriteHeader(http.StatusOK)
		return
	}
	h["Content-Type"], h["X-Content-Type-Options"], h["Content-Length"] = plainTextValues, noSniffValues, r.length
	w.WriteHeader(r.status)
	if x.r.Method != http.MethodHead {
		n, _ := w.Write(r.body)
		x.record.BytesOut += int64(n)
	}
}

// tell adds the fields of what is told.
func (r *refusal) tell(h http.Header, x *exchange) {
	told := r.form.told()
	if told == toldStop {
		h[signals.RateLimitedHeader] = trueValues
	}
	switch {
	case x.grpc && told == toldStop:
		h[signals.PushbackHeader] = neverValues
	case x.grpc && told == toldReturn:
		x.values.Set(h, signals.PushbackHeader, strconv.Itoa(1000*x.returnAfter))
	case told == toldStop:
		h[signals.ShouldRetryHeader] = falseValues
	}
	if x.grpc || !r.form.timed() {
		return
	}
	x.values.Set(h, signals.RetryAfterHeader, strconv.Itoa(x.returnAfter))
	if r.form == formReturnAWS {
		x.values.Set(h, signals.AWSRetryAfterHeader, strconv.Itoa(1000*x.returnAfter))
	}
}
