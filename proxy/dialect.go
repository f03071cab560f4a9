package proxy

import (
	"net/http"
	"strings"

	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// dialect is how a client must be spoken to when it is refused: the same answer
// stops one kind of client and invites another to try again at once.
//
//	who             stop                                  come back then
//	plain HTTP      429, no Retry-After                   503, Retry-After
//	persistent      429, Retry-After, as far as it goes   503, Retry-After
//	Envoy, Istio    429, x-envoy-ratelimited: true        never told: it doesn't wait
//	AWS SDKs        429, no Retry-After                   503, Retry-After, x-amz-retry-after
//	Stainless SDKs  429, x-should-retry: false            503, Retry-After
//	gRPC            RESOURCE_EXHAUSTED,                   UNAVAILABLE,
//	                grpc-retry-pushback-ms: -1            grpc-retry-pushback-ms: N
//
// Many clients don't retry a 429 unless it comes with Retry-After: with it,
// they do, which is why there is none. Others, the persistent ones, retry a 429
// whatever it says, but wait for as long as it says: those can only be put off.
// What stops one kind is noise to the others, so all who speak HTTP hear the
// same but for that. UNAVAILABLE is what gRPC clients retry if they retry at
// all, and only a code that they retry makes them heed a pushback that isn't
// negative. Pushbacks are read in answers of trailers alone.
//
// docs/retry-signals.md has what real clients were seen to do.
type dialect struct {
	grpc     bool
	envoy    bool // between the client and Levee, or the client itself
	aws      bool
	persists bool
}

// The headers by which an Envoy shows itself beside X-Envoy-Attempt-Count and
// X-Envoy-Expected-Rq-Timeout-Ms. The last is of Istio's.
var envoyHeaders = [...]string{
	signals.EnvoyAttemptHeader, signals.EnvoyTimeoutHeader, "X-Envoy-Internal", "X-Envoy-External-Address",
	"X-Envoy-Original-Path", "X-Envoy-Decorator-Operation", "X-Envoy-Peer-Metadata-Id",
}

// dialectOf finds out who asks. Only a refused request needs to know.
func dialectOf(h http.Header, grpc bool) dialect {
	d := dialect{grpc: grpc, aws: h[signals.AWSAttemptHeader] != nil || h[awsInvocationHeader] != nil}
	if agent := only(h, "User-Agent"); !grpc && agent != "" {
		for _, name := range persistent {
			if strings.HasPrefix(agent, name) {
				d.persists = true
				break
			}
		}
	}
	for _, name := range envoyHeaders {
		if h[name] != nil {
			d.envoy = true
			break
		}
	}
	return d
}

// persistent are the beginnings of the User-Agents of libraries that retry a 429
// with and without Retry-After, and of languages whose such libraries go by that
// name: go-retryablehttp and failsafe-go are Go-http-client to the server, and
// urllib3's Retry with a list of statuses is mostly used through requests. The
// programs of that name that don't retry don't look at Retry-After either.
var persistent = [...]string{"Go-http-client/", "axios/", "got (", "python-requests/"}

// form is the shape of a refusal that says what is to be told.
func (d dialect) form(k storm.AnswerKind) form {
	switch {
	case k == storm.Stop && d.persists:
		return formLater
	case k == storm.Stop:
		return formStop
	case k == storm.Return && d.aws && !d.grpc:
		return formReturnAWS
	case k == storm.Return:
		return formReturn
	}
	return formPlain
}

// told is what a refusal tells its client.
type told uint8

const (
	toldPlain  told = iota // nothing beside that it was refused
	toldStop               // not to try again
	toldReturn             // when to come back

	tolds
)

// String is what is told as logs and metrics have it.
func (t told) String() string { return [tolds]string{"plain", "stop", "return"}[t] }
