package proxy

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// outgoing makes the request that the upstream gets, but for its header, of which
// it notes Levee's own part. It is built anew, not cloned: what isn't put in here
// can't slip through. The attempt must not have been sent before.
func outgoing(w http.ResponseWriter, x *exchange, a *attempt, now time.Time) *http.Request {
	in, e := x.r, a.endpoint
	a.w, a.x = w, x
	own := &a.own
	room := &x.fields
	if a != &x.first {
		room = new([mostOwnFields]ownField)
	}
	own.begin(room, x.values)
	if a.forwarded = x.forwardsAsBefore(); a.forwarded == nil {
		own.forward(x, in.Header)
	}
	if te := in.Header["Te"]; te != nil && httpguts.HeaderValuesContainsToken(te, "trailers") {
		own.put("Te", trailersValues) // hop-by-hop, but gRPC servers insist on it
	}
	if x.upgrade {
		own.put("Connection", upgradeValues)
		own.put("Upgrade", websocketValues)
	}
	if !in.ProtoAtLeast(1, 1) && in.Header["Expect"] != nil {
		own.drop("Expect") // there it means nothing (RFC 9110, section 10.1.1), and would where it goes
	}
	own.set(x.gen.requestIDHeader, x.requestID)
	left, has := x.left(now)
	own.passPriority(x)
	own.passDeadline(in.Header, x.gen.deadlineHeader, left, has)
	own.passAttempt(x, a)
	own.passGuard(x)

	setOutgoingURL(&a.url, in.URL, e)
	out := &a.request
	out.Method, out.URL, out.Host = in.Method, &a.url, e.hostFor(in.Host)
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	if x.body.src != nil {
		a.body = &x.body
		a.expects = in.Header["Expect"] != nil && in.ProtoAtLeast(1, 1)
		out.ContentLength = in.ContentLength
		trailer := x.passTrailer(out)
		if x.retrying != nil {
			a.replay = x.retrying.body.Reader(trailer)
			out.Body = a.replay
		} else {
			x.body.trailer = trailer
			out.Body = &x.body
		}
	}
	return out
}

// What is said of connections.
var (
	trailersValues  = []string{"trailers"}
	upgradeValues   = []string{"Upgrade"}
	websocketValues = []string{"websocket"}
)

// passTrailer lets the client's trailers follow its body. Those announced are
// announced to the upstream too; over HTTP/1.1 others are passed on as well.
// What it returns is to be called at the body's end; nil: there can be none.
//
// What is announced is looked up once, before anything is sent: when a further
// attempt is made, the one before may be reading the body to its end still, at
// which the server writes to the same map.
func (x *exchange) passTrailer(out *http.Request) (atEnd func()) {
	if x.r.ContentLength >= 0 && len(x.r.Trailer) == 0 { // there can be none
		return nil
	}
	if x.trailers == nil {
		x.trailers = &trailers{announced: slices.Collect(maps.Keys(x.r.Trailer))}
	}
	out.Trailer = make(http.Header, len(x.trailers.announced))
	for _, name := range x.trailers.announced {
		out.Trailer[name] = nil
	}
	return func() {
		for name, values := range x.r.Trailer {
			if httpguts.ValidTrailerHeader(name) {
				out.Trailer[name] = values
			}
		}
	}
}

// trailers is what was known of the fields behind a client's body before it was read.
type trailers struct{ announced []string }

// setOutgoingURL makes out the target as the client wrote it, byte for byte, on the
// endpoint's authority: the upstream, and no cleverness in between, decides
// what ;, %zz or // in it mean.
func setOutgoingURL(out, in *url.URL, e *endpoint) {
	out.Scheme, out.Host = e.scheme(), e.target.Host
	out.Path, out.RawPath = in.Path, in.RawPath
	out.RawQuery, out.ForceQuery = in.RawQuery, in.ForceQuery
	if in.RawPath != "" && out.EscapedPath() != in.RawPath && !strings.HasPrefix(in.RawPath, "//") {
		// net/url would encode characters that the client left bare. (A leading
		// // in an opaque URL would be taken for an authority.)
		out.Opaque = in.RawPath
	}
}

// hostFor is the Host that the upstream gets.
func (e *endpoint) hostFor(client string) string {
	switch mode := e.up.cfg.Host; mode {
	case "preserve", "":
		if client == "" { // HTTP/1.0 may come without
			return e.target.Host
		}
		return client
	case "endpoint":
		return e.target.Host
	default:
		return mode
	}
}
