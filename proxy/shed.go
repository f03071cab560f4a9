package proxy

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// shedHeader says why a request was shed: by this Levee where Proxy-Status
// names it, by one behind it otherwise, whose word is passed on.
const shedHeader = "Levee-Shed"

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

// refusal is the answer to a request that was shed, built once for all of
// them: in a storm most requests get one, and what it costs is taken from the
// service's share of the machine.
type refusal struct {
	status int
	kind   errorType

	shed, proxyStatus     []string // values of header fields
	length                []string
	grpcCode, grpcMessage []string
	body                  []byte
	head                  []byte // status line and the fields above, for HTTP/1.1
}

// Values of header fields that are always the same.
var (
	plainTextValues = []string{plainTextContentType}
	noSniffValues   = []string{"nosniff"}
	grpcTypeValues  = []string{grpcContentType}
	closeValues     = []string{"close"}
)

// refusals are those of one generation, by status and reason.
type refusals [2][shedReasons]*refusal

func newRefusals(name string) *refusals {
	all := &refusals{}
	for i, status := range [...]int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		for reason, words := range shedWords {
			if words.reason == "" {
				continue
			}
			a := answer{status: status, kind: words.kind, details: words.details}
			body := a.text() + "\n"
			r := &refusal{
				status: status, kind: words.kind, body: []byte(body),
				shed: []string{words.reason}, proxyStatus: []string{a.proxyStatus(name)}, length: []string{strconv.Itoa(len(body))},
				grpcCode: []string{strconv.Itoa(grpcStatus(status))}, grpcMessage: []string{percentEncode(a.text())},
			}
			r.head = fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nContent-Type: %s\r\n%s: %s\r\nProxy-Status: %s\r\nX-Content-Type-Options: nosniff\r\n",
				status, http.StatusText(status), len(body), plainTextContentType, shedHeader, words.reason, r.proxyStatus[0])
			all[i][reason] = r
		}
	}
	return all
}

// refusal is the answer for a reason, with the status that the upstream's
// configuration chose.
func (x *exchange) refusal(why limiter.Reason) *refusal {
	return x.gen.refusals[x.route.upstream.refuseWith][why]
}

// noteShed counts a refusal at now, which may be long after the request came:
// it may have waited first.
func (p *Proxy) noteShed(x *exchange, r *refusal, now time.Time) {
	x.record.Status, x.record.Reason, x.record.Shed = r.status, string(r.kind), r.shed[0]
	p.o.Metrics.Answer(string(r.kind))
	p.lastShed.Store(int64(sinceEpoch(now)))
}

// shed sends a refusal. Values are shared between requests: nobody writes to
// a header's values once they are set.
func (p *Proxy) shed(w *beginning, x *exchange, r *refusal) {
	p.noteShed(x, r, time.Now())
	h := w.Header()
	h["Proxy-Status"] = r.proxyStatus
	h[shedHeader] = r.shed
	if x.requestID != "" {
		x.values.set(h, x.gen.requestIDHeader, x.requestID)
	}
	if x.closing || (x.r.ProtoMajor == 1 && x.body.failed() != nil) {
		h["Connection"] = closeValues
	}
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
	x.drain(w)
}
