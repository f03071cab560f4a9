package proxy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/fields"
	"github.com/levee-proxy/levee/proxy/internal/replay"
)

// maxInterim is how many interim (1xx) answers are passed on before an
// upstream is taken to be broken.
const maxInterim = 8

// attempt is one sending of a request to an endpoint, and what is learned by it.
type attempt struct {
	endpoint *endpoint
	permit   *permit   // of its own, at that endpoint
	number   int       // as it is told to the upstream, proxies before us counted
	follows  condition // of a retry: what it is made for

	// ctx is the exchange's, or life: one of its own, which ends with that and
	// knows so at once.
	ctx  context.Context
	life h1.Ending

	begun    time.Time
	came     time.Time     // the answer's header, or the failure
	latency  time.Duration // until the answer's header, or the failure
	inflight bool          // counted at its endpoint

	panicked any // of one on a goroutine of its own

	// What came of it: either is nil.
	resp    *http.Response
	failure *failure
	err     error // of which failure tells

	h1only      bool
	conn        *connections.Conn // that carries it
	wroteHeader atomic.Bool       // net/http began to write it
	unsent      bool              // it failed, and the upstream has surely got nothing of it, or nothing that it took
	body        *requestBody
	replay      *replay.Reader // reads body, where it may be read again
	expects     bool           // the client waits for a 100 before it sends its body

	// What it is sent as, and the answer's body: their memory.
	request   http.Request // without a header
	url       url.URL
	own       ownFields
	forwarded *forwarded // beside own; nil: it has them
	answer    upstreamBody

	w http.ResponseWriter // to which interim answers go
	x *exchange

	interimMu sync.Mutex
	interim   int
	over      bool // the final answer has begun: interim ones come too late
}

// bodyTouched says whether any of the body was read for this attempt.
func (a *attempt) bodyTouched() bool {
	if a.replay != nil {
		return a.replay.Touched()
	}
	return a.body != nil && a.body.bytes.Load() > 0
}

// failing says whether the endpoint counts as failing by its answer: of a
// gateway whose own upstream doesn't answer.
func (a *attempt) failing() bool {
	return a.resp.StatusCode == http.StatusBadGateway || a.resp.StatusCode == http.StatusGatewayTimeout
}

// said is the answer's status in words.
func (a *attempt) said() string {
	if status := a.resp.Header["Grpc-Status"]; len(status) == 1 {
		return "grpc-status " + status[0]
	}
	return a.resp.Status
}

// done ends what the attempt holds, at now or, zero, at present, and at the latest
// with its exchange. Once more does no harm.
func (a *attempt) done(now time.Time) {
	a.permit.end(now)
	if a.replay != nil {
		a.replay.Stop()
	}
	if a.inflight {
		a.inflight = false
		a.endpoint.inflight.Add(-1)
	}
}

// sendOver sends the attempt's request over a connection, once.
func (a *attempt) sendOver(c *connections.Conn, req *http.Request) (*http.Response, error) {
	if ours := c.Ours(); ours != nil {
		return ours.RoundTrip(a.ctx, req, a)
	}
	if req.Header == nil {
		req.Header = a.header()
	}
	return c.RoundTrip(httptrace.WithClientTrace(a.ctx, a.trace()), req)
}

// trace is how net/http tells of interim answers, and that it began to write.
func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaders: func() { a.wroteHeader.Store(true) },
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			if status == http.StatusSwitchingProtocols {
				return errUnaskedSwitch // over HTTP/1.1 it isn't an interim answer and doesn't come here
			}
			return a.Interim(status, http.Header(h))
		},
	}
}

// Interim passes an interim answer on. It implements [client.Observer].
func (a *attempt) Interim(status int, h http.Header) error {
	a.interimMu.Lock()
	defer a.interimMu.Unlock()
	if a.over {
		return nil
	}
	if a.interim++; a.interim > maxInterim {
		return errTooManyInterim
	}
	// 100 is said by the server itself once the body is asked for; and
	// HTTP/1.0 knows no interim answers.
	if status == http.StatusContinue || !a.x.r.ProtoAtLeast(1, 1) {
		return nil
	}
	// While the server may be writing its own 100, it writes unguarded:
	// until the client's body has begun to come, others are dropped.
	if a.expects && a.body.bytes.Load() == 0 {
		return nil
	}
	out := a.w.Header()
	fields.CopyEndToEnd(out, h)
	a.w.WriteHeader(status)
	clear(out)
	return nil
}

// end stops interim answers: the final one is being written.
func (a *attempt) end() {
	a.interimMu.Lock()
	a.over = true
	a.interimMu.Unlock()
}
