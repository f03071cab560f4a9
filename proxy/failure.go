package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/replay"
)

// Causes with which a request's context ends, and failures of our own making.
var (
	errDeadline         = errors.New("the deadline is over")
	errResponseDeadline = errors.New("no answer began in time")
	errTryDeadline      = errors.New("no answer began in the time for one attempt")
	errHedged           = errors.New("another attempt has answered")
	errStopped          = errors.New("the drain time is over")
	errTooManyInterim   = errors.New("too many interim answers")
	errUnaskedSwitch    = errors.New("the upstream switched protocols in HTTP/2, which has no such thing")
	errNoAddress        = errors.New("no address is known for the upstream")
)

// failure is a request that got no answer from its upstream.
type failure struct {
	answer
	// blame says that the endpoint is at fault, not the client or the network
	// of the client: it counts towards ejection.
	blame bool
	// cut says that there is nobody left to answer.
	cut bool
	// brief says that the time which the client had given itself was over.
	brief bool
	err   error
}

// explain turns the error of an attempt into an answer and a verdict on the
// endpoint.
func (x *exchange) explain(err error) *failure {
	ctx := x.ctx
	if ctx == nil { // nothing was begun yet
		ctx = x.r.Context()
	}
	cause := context.Cause(ctx)
	return x.explainBy(cause, err, x.body.failedBy(cause))
}

// explainAttempt turns the failure of an attempt into one, likewise. The attempt
// may have ended before the exchange did.
func (x *exchange) explainAttempt(a *attempt) *failure {
	cause := context.Cause(a.ctx)
	return x.explainBy(cause, a.err, x.body.failedBy(cause))
}

// explainCause is for an exchange that ends for a reason of its own.
func (x *exchange) explainCause(cause error) *failure { return x.explainBy(cause, cause, nil) }

// explainBy knows how the exchange's context ended, if it did, and the first
// error that reading the client's body gave: then the fault lies there, however
// the upstream's side ended.
func (x *exchange) explainBy(cause, err, bodyErr error) *failure {
	rt := x.route
	f := &failure{err: err}
	_, _, asking := x.bound.upload(x.start)
	set := func(status int, kind errorType, details string, blame bool) *failure {
		f.answer = answer{status: status, kind: kind, details: details}
		f.blame = blame
		return f
	}
	switch {
	case cause == errDeadline && asking:
		return set(http.StatusGatewayTimeout, errResponseTimeout, "the deadline was over before the request's body had come", false)
	case cause == errResponseDeadline && asking:
		return set(http.StatusRequestTimeout, errRequest, "the request's body stood still", false)
	case bodyErr != nil && errors.Is(bodyErr, os.ErrDeadlineExceeded):
		return set(http.StatusRequestTimeout, errRequest, "the request's body stood still", false)
	case cause == errDeadline:
		f.brief = !x.ownDeadline
		return set(http.StatusGatewayTimeout, errResponseTimeout, "the deadline was over before the upstream answered", x.ownDeadline)
	case cause == errResponseDeadline:
		return set(http.StatusGatewayTimeout, errResponseTimeout, "the upstream began no answer within "+rt.cfg.ResponseTimeout.String(), true)
	case cause == errTryDeadline:
		return set(http.StatusGatewayTimeout, errResponseTimeout, "the upstream began no answer within "+rt.upstream.cfg.Retry.PerTryTimeout.String(), true)
	case cause == errHedged: // nobody is to blame
		f.cut = true
		return set(statusClientGone, errHedgeLost, "", false)
	case errors.Is(err, replay.ErrNotKept):
		return set(http.StatusBadGateway, errTerminated, replay.ErrNotKept.Error(), false)
	case cause == errStopped:
		return set(http.StatusServiceUnavailable, errUnavailable, "shutting down", false)
	case bodyErr != nil && (cause == nil || errors.Is(bodyErr, io.ErrUnexpectedEOF)):
		// Malformed, or shorter than declared: a client that only ended its
		// side of the connection still reads the answer.
		return set(http.StatusBadRequest, errRequest, "malformed or incomplete request body", false)
	case cause != nil: // the client's side ended
		f.cut = true
		return set(statusClientGone, errClientGone, "", false)
	}
	if _, ok := errors.AsType[*connections.DialError](err); ok {
		return explainDial(f, err, set)
	}
	switch {
	case errors.Is(err, errNoAddress):
		return set(http.StatusBadGateway, errDNS, "the upstream's name doesn't resolve", false)
	case errors.Is(err, connections.ErrNoUpgrade):
		return set(http.StatusBadGateway, errUpgrade, connections.ErrNoUpgrade.Error(), false)
	case errors.Is(err, errUnaskedSwitch):
		return set(http.StatusBadGateway, errProtocol, errUnaskedSwitch.Error(), true)
	case errors.Is(err, errTooManyInterim):
		return set(http.StatusBadGateway, errProtocol, errTooManyInterim.Error(), true)
	case unsendable(err):
		return set(http.StatusBadRequest, errRequest, err.Error(), false)
	case errors.Is(err, h1.ErrHeadTooLarge):
		return set(http.StatusBadGateway, errResponseHeader, "the upstream's header is too large", true)
	case connections.IsRefused(err):
		// It didn't take the request, as it may; that is no fault.
		return set(http.StatusBadGateway, errTerminated, "the upstream refused the stream", false)
	case connections.WentAway(err):
		return set(http.StatusBadGateway, errTerminated, "the upstream ended the connection before it answered", true)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), strings.Contains(err.Error(), "server closed idle connection"):
		return set(http.StatusBadGateway, errTerminated, "the upstream ended the connection before it answered", true)
	case strings.Contains(err.Error(), "response headers exceeded"), strings.Contains(err.Error(), "header list larger than"):
		// net/http has no typed error for either; a test holds these texts.
		return set(http.StatusBadGateway, errResponseHeader, "the upstream's header is too large", true)
	}
	return set(http.StatusBadGateway, errProtocol, "the upstream's answer is no sound HTTP", true)
}

// unsendable says whether a request can't be put into HTTP/1.1 words: of
// HTTP/2, its target may hold what those can't.
func unsendable(err error) bool {
	_, ok := errors.AsType[*client.Unsendable](err)
	return ok
}

func explainDial(f *failure, err error, set func(int, errorType, string, bool) *failure) *failure {
	var (
		verify  *tls.CertificateVerificationError
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		alert   tls.AlertError
		hs      *connections.HandshakeError
		dns     *net.DNSError
	)
	switch {
	case errors.Is(err, connections.ErrNoUpgrade):
		return set(http.StatusBadGateway, errUpgrade, connections.ErrNoUpgrade.Error(), false)
	case errors.Is(err, connections.ErrNoHTTP2):
		return set(http.StatusBadGateway, errProtocol, connections.ErrNoHTTP2.Error(), true)
	case errors.Is(err, connections.ErrConnectDeadline), errors.Is(err, syscall.ETIMEDOUT):
		return set(http.StatusGatewayTimeout, errConnectTimeout, "the upstream took no connection in time", true)
	case errors.Is(err, connections.ErrHandshakeDeadline):
		return set(http.StatusGatewayTimeout, errConnectTimeout, "the upstream finished no TLS handshake in time", true)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return set(http.StatusBadGateway, errTLSCertificate, "the upstream's certificate has expired or isn't valid yet", true)
	case errors.As(err, &name):
		return set(http.StatusBadGateway, errTLSCertificate, "the upstream's certificate is for another name", true)
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &verify):
		return set(http.StatusBadGateway, errTLSCertificate, "the upstream's certificate isn't trusted", true)
	case errors.As(err, &alert):
		return set(http.StatusBadGateway, errTLSAlert, "the upstream refused the TLS handshake", true)
	case errors.As(err, &hs):
		return set(http.StatusBadGateway, errTLSProtocol, "no TLS handshake with the upstream", true)
	case errors.Is(err, connections.ErrNoDescriptor), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return set(http.StatusServiceUnavailable, errConnectionLimit, "no file descriptor is left", false)
	case errors.As(err, &dns):
		return set(http.StatusBadGateway, errDNS, "the upstream's name doesn't resolve", true)
	}
	return set(http.StatusBadGateway, errRefused, "the upstream takes no connection", true)
}
