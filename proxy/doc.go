// Package proxy is the way of a request through Levee: it accepts
// connections, routes, classifies, forwards to an endpoint of the upstream,
// and answers.
//
// The client's side is an [net/http.Handler] and the upstream's side makes
// exactly one attempt for one request (see [Upstream]): net/http's own
// transport would send some requests again by itself, outside every budget.
//
// A request's way, and the file that holds each step:
//
//	listener.go, engine.go   accept, connection caps, net/http's server
//	validate.go              what is refused before anything else
//	router.go                host and path prefix to a route
//	exchange.go, handler.go  the request's facts and the order of the steps
//	identity.go, ratecap.go  who asks, and whether he may
//	deadline.go              how long the client waits, and telling the upstream
//	outgoing.go, forwarding.go, hopbyhop.go  the request as the upstream sees it
//	upstream.go, balancer.go, endpoint.go    which endpoint takes it
//	pool.go, conn.go, dial.go                on which connection
//	relay.go, upgrade.go     the answer's way back
//	answer.go, failure.go    what Levee says when it answers itself
package proxy
